/**
 * What `long_traces` must hold depends on which spans came together: at least the traces of which one block lasts an
 * hour, on each day on which the block has spans; at most what all spans of a trace give. Both statements answer id,
 * day, begin and end of what is wrong.
 */
const END = 'least(greatest(intDiv(start_ns + greatest(duration_ns, 0), 1000000000), 0), 4294967295)';
const LASTS_AN_HOUR = 'e - b >= 3600';

const HELD = `SELECT hex(trace_id) AS id, day, min(toInt64(toUnixTimestamp(begin_s))) AS b, max(toInt64(toUnixTimestamp(end_s))) AS e, min(end_s - begin_s) AS shortest
  FROM throughline.long_traces GROUP BY id, day`;

/** Of all spans with the same columns `by`. */
const extents = (by: string): string => `SELECT ${by}, groupUniqArray(toDate(start_s)) AS days,
    min(toInt64(toUnixTimestamp(start_s))) AS b, max(toInt64(${END})) AS e FROM throughline.spans GROUP BY ${by}`;

const OF_BLOCKS = `SELECT id, day, min(b) AS b, max(e) AS e
  FROM (${extents('hex(trace_id) AS id, arrival')} HAVING ${LASTS_AN_HOUR}) ARRAY JOIN days AS day GROUP BY id, day`;
const OF_TRACES = `SELECT id, day, b, e FROM (${extents('hex(trace_id) AS id')}) ARRAY JOIN days AS day`;

export const MISSING_LONG_TRACES = `SELECT s.id, s.day, s.b, s.e
FROM (${OF_BLOCKS}) AS s LEFT JOIN (${HELD}) AS h ON h.id = s.id AND h.day = s.day
WHERE h.id = '' OR h.b > s.b OR h.e < s.e`;

export const UNFOUNDED_LONG_TRACES = `SELECT h.id, h.day, h.b, h.e
FROM (${HELD}) AS h LEFT JOIN (${OF_TRACES}) AS s ON s.id = h.id AND s.day = h.day
WHERE s.id = '' OR h.b < s.b OR h.e > s.e OR h.shortest < 3600`;
