/** The package's version, as `telemetry.sdk.version` carries it. */
export const VERSION = '0.1.0';
