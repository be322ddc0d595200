export declare function openApiMarkdown(openapi: unknown): string;
