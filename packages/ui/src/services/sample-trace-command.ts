/**
 * A shell command (sh, with curl and od) that sends a trace of now: `shop` waits for `warehouse`, which takes 1.2 of
 * 1.25 seconds. Every run makes a trace of its own.
 */
export function sampleTraceCommand(endpoint: string): string {
  return `t=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n'); s=$(( $(date +%s) - 2 ))
curl ${endpoint}/v1/traces -H 'Content-Type: application/json' -d '{"resourceSpans":[
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[
  {"traceId":"'$t'","spanId":"a000000000000001","name":"GET /stock","kind":2,
   "startTimeUnixNano":"'$s'000000000","endTimeUnixNano":"'$(( s + 1 ))'250000000"}]}]},
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"warehouse"}}]},"scopeSpans":[{"spans":[
  {"traceId":"'$t'","spanId":"a000000000000002","parentSpanId":"a000000000000001","name":"count shelves","kind":2,
   "startTimeUnixNano":"'$s'030000000","endTimeUnixNano":"'$(( s + 1 ))'230000000"}]}]}]}'`;
}
