import { ApiClient } from '@throughline/trace';

/** The collector that served this page. */
export const api = new ApiClient('');
