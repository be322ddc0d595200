/** How a sender speaks each protocol: templates of requests, and a call that answers a status as HTTP has it. */
import { Agent, request } from 'node:http';
import { credentials, makeGenericClientConstructor, status } from '@grpc/grpc-js';
import { JsonTemplate } from './json-template.mjs';
import { RequestTemplate } from './payload.mjs';

function httpClient({ otlpUrl, connections }, contentType) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    post: (bytes) =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': contentType, 'content-length': bytes.length };
        const sent = request(`${otlpUrl}/v1/traces`, { method: 'POST', agent, headers }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode));
        });
        sent.once('error', reject);
        sent.end(bytes);
      }),
    close: () => agent.destroy(),
  };
}

/** The bytes as they are, in the client that most senders of OTLP/gRPC in Node have. */
function grpcClient({ otlpGrpcAddress }) {
  const method = {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (bytes) => bytes,
    responseDeserialize: (bytes) => bytes,
  };
  const Client = makeGenericClientConstructor({ export: method }, 'TraceService');
  const client = new Client(otlpGrpcAddress, credentials.createInsecure());
  return {
    post: (bytes) =>
      new Promise((resolve, reject) => {
        client.export(bytes, (error) => {
          if (error === null) resolve(200);
          else if (error.code === status.RESOURCE_EXHAUSTED || error.code === status.UNAVAILABLE) resolve(503);
          else reject(error);
        });
      }),
    close: () => client.close(),
  };
}

export const PROTOCOLS = {
  'http/protobuf': {
    template: (number) => new RequestTemplate(number),
    client: (options) => httpClient(options, 'application/x-protobuf'),
  },
  'http/json': {
    template: (number) => new JsonTemplate(new RequestTemplate(number)),
    client: (options) => httpClient(options, 'application/json'),
  },
  grpc: { template: (number) => new RequestTemplate(number), client: grpcClient },
};
