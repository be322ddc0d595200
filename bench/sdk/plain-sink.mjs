/**
 * A collector in a process of its own that answers success at once and drops what it gets, as OpenTelemetry's recipe
 * wants it.
 */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  request.on('data', () => {});
  request.on('end', () => response.end());
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());
