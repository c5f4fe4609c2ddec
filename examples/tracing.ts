import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { DecisionMessage } from 'fastify-latchkey'
import '@fastify/otel'

/** Says on the span of each request what Latchkey decided. Call it once a process, next to `FastifyOtelInstrumentation`. @returns ends it */
export function traceDecisions (): () => void {
  function setAttributes (message: unknown): void {
    if (!(message instanceof DecisionMessage)) return
    const { request, decision, code, principal, policies } = message
    if (!request.server.hasRequestDecorator('opentelemetry')) return
    request.opentelemetry().span?.setAttributes({
      'latchkey.decision': code ?? decision,
      'latchkey.policy': policies.filter(({ admitted }) => admitted === (code !== 'RATE_LIMITED')).map(({ name }) => name),
      ...principal !== null && { 'latchkey.principal': principal.id, 'latchkey.workspace': principal.workspace }
    })
  }

  subscribe('latchkey:decision', setAttributes)
  return () => { unsubscribe('latchkey:decision', setAttributes) }
}
