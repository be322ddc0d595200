export declare const root: string;
export declare function findChromium(): string | undefined;
