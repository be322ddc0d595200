import { ApiClient } from '@throughline/trace/client';
import { basePath } from './base-path.ts';

/** The collector that served this page. */
export const api = new ApiClient(basePath);
