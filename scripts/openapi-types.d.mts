export declare function openApiTypes(openapi: unknown): Promise<string>;
