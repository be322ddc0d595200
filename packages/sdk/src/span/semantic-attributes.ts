import type { AttributeValue } from './attribute-value.ts';

/** Of a request's first span: 500 and more make it an error. */
export const HTTP_RESPONSE_STATUS_CODE = 'http.response.status_code';

/**
 * Attribute keys of OpenTelemetry's semantic conventions (1.4x) that spans of services have most, with their values'
 * types. They exist for completion in an editor and for the type checker; at run time there is nothing of them.
 */
export interface SemanticAttributes {
  'client.address'?: string | undefined;
  'client.port'?: number | undefined;
  'cloud.account.id'?: string | undefined;
  'cloud.availability_zone'?: string | undefined;
  'cloud.platform'?: string | undefined;
  'cloud.provider'?: string | undefined;
  'cloud.region'?: string | undefined;
  'code.column.number'?: number | undefined;
  'code.file.path'?: string | undefined;
  'code.function.name'?: string | undefined;
  'code.line.number'?: number | undefined;
  'code.stacktrace'?: string | undefined;
  'container.id'?: string | undefined;
  'container.name'?: string | undefined;
  'db.collection.name'?: string | undefined;
  'db.namespace'?: string | undefined;
  'db.operation.batch.size'?: number | undefined;
  'db.operation.name'?: string | undefined;
  'db.query.summary'?: string | undefined;
  'db.query.text'?: string | undefined;
  'db.response.returned_rows'?: number | undefined;
  'db.response.status_code'?: string | undefined;
  'db.stored_procedure.name'?: string | undefined;
  'db.system.name'?: string | undefined;
  'deployment.environment.name'?: string | undefined;
  'deployment.id'?: string | undefined;
  'enduser.id'?: string | undefined;
  'error.type'?: string | undefined;
  'exception.message'?: string | undefined;
  'exception.stacktrace'?: string | undefined;
  'exception.type'?: string | undefined;
  'faas.coldstart'?: boolean | undefined;
  'faas.invocation_id'?: string | undefined;
  'faas.name'?: string | undefined;
  'faas.trigger'?: string | undefined;
  'feature_flag.key'?: string | undefined;
  'feature_flag.provider.name'?: string | undefined;
  'feature_flag.result.variant'?: string | undefined;
  'gen_ai.operation.name'?: string | undefined;
  'gen_ai.provider.name'?: string | undefined;
  'gen_ai.request.max_tokens'?: number | undefined;
  'gen_ai.request.model'?: string | undefined;
  'gen_ai.request.temperature'?: number | undefined;
  'gen_ai.response.finish_reasons'?: readonly string[] | undefined;
  'gen_ai.response.id'?: string | undefined;
  'gen_ai.response.model'?: string | undefined;
  'gen_ai.tool.name'?: string | undefined;
  'gen_ai.usage.input_tokens'?: number | undefined;
  'gen_ai.usage.output_tokens'?: number | undefined;
  'graphql.document'?: string | undefined;
  'graphql.operation.name'?: string | undefined;
  'graphql.operation.type'?: string | undefined;
  'host.arch'?: string | undefined;
  'host.id'?: string | undefined;
  'host.name'?: string | undefined;
  'http.request.body.size'?: number | undefined;
  'http.request.method'?: string | undefined;
  'http.request.method_original'?: string | undefined;
  'http.request.resend_count'?: number | undefined;
  'http.response.body.size'?: number | undefined;
  'http.response.status_code'?: number | undefined;
  'http.route'?: string | undefined;
  'k8s.cluster.name'?: string | undefined;
  'k8s.container.name'?: string | undefined;
  'k8s.deployment.name'?: string | undefined;
  'k8s.namespace.name'?: string | undefined;
  'k8s.node.name'?: string | undefined;
  'k8s.pod.name'?: string | undefined;
  'k8s.pod.uid'?: string | undefined;
  'messaging.batch.message_count'?: number | undefined;
  'messaging.client.id'?: string | undefined;
  'messaging.consumer.group.name'?: string | undefined;
  'messaging.destination.name'?: string | undefined;
  'messaging.destination.partition.id'?: string | undefined;
  'messaging.message.body.size'?: number | undefined;
  'messaging.message.conversation_id'?: string | undefined;
  'messaging.message.id'?: string | undefined;
  'messaging.operation.name'?: string | undefined;
  'messaging.operation.type'?: string | undefined;
  'messaging.system'?: string | undefined;
  'network.local.address'?: string | undefined;
  'network.local.port'?: number | undefined;
  'network.peer.address'?: string | undefined;
  'network.peer.port'?: number | undefined;
  'network.protocol.name'?: string | undefined;
  'network.protocol.version'?: string | undefined;
  'network.transport'?: string | undefined;
  'network.type'?: string | undefined;
  'os.type'?: string | undefined;
  'process.command_args'?: readonly string[] | undefined;
  'process.executable.name'?: string | undefined;
  'process.pid'?: number | undefined;
  'rpc.method'?: string | undefined;
  'rpc.system.name'?: string | undefined;
  'server.address'?: string | undefined;
  'server.port'?: number | undefined;
  'service.instance.id'?: string | undefined;
  'service.name'?: string | undefined;
  'service.namespace'?: string | undefined;
  'service.version'?: string | undefined;
  'session.id'?: string | undefined;
  'thread.id'?: number | undefined;
  'thread.name'?: string | undefined;
  'tls.protocol.version'?: string | undefined;
  'url.domain'?: string | undefined;
  'url.fragment'?: string | undefined;
  'url.full'?: string | undefined;
  'url.path'?: string | undefined;
  'url.query'?: string | undefined;
  'url.scheme'?: string | undefined;
  'url.template'?: string | undefined;
  'user.id'?: string | undefined;
  'user_agent.name'?: string | undefined;
  'user_agent.original'?: string | undefined;
  'user_agent.version'?: string | undefined;
}

export type SemanticAttributeKey = keyof SemanticAttributes;

/**
 * What a key's value may be: as the conventions say where they name the key, and anything that OTLP carries for any
 * other.
 */
export type ValueOf<Key extends string> = Key extends keyof SemanticAttributes
  ? NonNullable<SemanticAttributes[Key]>
  : AttributeValue;

/** Any text, which an editor completes with the known keys. */
export type AttributeKey = SemanticAttributeKey | (string & {});
