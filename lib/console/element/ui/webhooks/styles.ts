import { css } from 'lit'

export const webhookStyles = css`
  :host(latchkey-webhooks) .disclosure bdi { max-width: 34rem }
  .deliveries { display: grid; gap: 0.625rem; justify-items: start; min-width: 0 }
  .deliveries > * { min-width: 0; max-width: 100% }
  .deliveries-head, .deliveries > ul, .deliveries > .notice { width: 100% }
  .deliveries-head { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center }
  .deliveries-head select { min-height: 2rem; padding-block: 0; font-size: 0.875rem }
  .delivery {
    display: flex; gap: 0.75rem; align-items: flex-start; padding: 0.5rem 0; border-block-start: 1px solid var(--border)
  }
  .delivery details { flex: 1; min-width: 0 }
  .delivery summary {
    display: flex; flex-wrap: wrap; gap: 0.125rem 0.625rem; align-items: center; min-height: 2rem; list-style: none;
    cursor: pointer
  }
  .delivery summary::-webkit-details-marker { display: none }
  .delivery summary .icon { color: var(--muted) }
  .delivery [open] > summary .icon { rotate: 90deg }
  .delivery dl { padding: 0.5rem 0 0.5rem 1.75rem }
  .delivery ol { margin: 0; padding-inline-start: 1.25rem }
  .payload { grid-column: 1 / -1 }
  pre {
    margin: 0; padding: 0.625rem 0.75rem; border-radius: var(--radius); background: var(--surface);
    font: 0.8125rem/1.5 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere
  }
  summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 0.25rem }
`
