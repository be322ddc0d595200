export declare const root: string;
export declare const CHROMIUM_FLAGS: readonly string[];
export declare function findRuntime(name: 'bun' | 'deno'): string | undefined;
export declare function findChromium(): string | undefined;
export declare function findClickHouseServer(): string | undefined;
export declare function findZooKeeper(): string | undefined;
