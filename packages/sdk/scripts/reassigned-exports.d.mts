export function reassignedExports(program: unknown): string[];
