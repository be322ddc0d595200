export declare function findSender(language: string): readonly string[] | undefined;
