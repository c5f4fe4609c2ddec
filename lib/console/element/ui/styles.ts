import { css, type CSSResultGroup } from 'lit'
import { controlStyles } from './control-styles.js'
import { dialogStyles } from './dialog-styles.js'
import { listStyles } from './list-styles.js'
import { tokens } from './tokens.js'
import { usageStyles } from './usage/styles.js'
import { webhookStyles } from './webhooks/styles.js'

const base = css`
  * { box-sizing: border-box }
  .base { display: grid; gap: 1rem; color: var(--text); font-size: 0.9375rem; line-height: 1.5 }
  h2, h3, p, dl, dd, ul { margin: 0 }
  ul { padding: 0; list-style: none }
  h2 { font-size: 1.375rem; line-height: 1.25; letter-spacing: -0.01em }
  h3 { font-size: 1.0625rem; line-height: 1.3 }
  h2:focus { outline: none }
  code, textarea { font-family: var(--mono); font-size: 0.8125rem }
  .grow { flex: 1; min-width: 0 }
  .muted { color: var(--muted) }
  .hidden {
    position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap
  }
  .icon { flex: none; width: 1.125rem; height: 1.125rem }
  .header { display: flex; flex-wrap: wrap; gap: 0.75rem 1rem; align-items: flex-end }
  .header .grow { flex-basis: 18rem }
  .filters { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: center; margin-block-start: 0.25rem }
  .filters select { flex: none }
  .status:empty { display: none }
  .notice {
    display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: center;
    padding: 0.625rem 0.875rem; border-radius: var(--radius); overflow-wrap: anywhere
  }
  .notice .grow { flex-basis: 12rem }
  .notice.trouble { background: var(--danger-surface); color: var(--danger-text) }
  .notice.trouble .muted { color: inherit }
  .notice.success { background: var(--success-surface); color: var(--success-text) }
  .empty {
    display: grid; gap: 0.5rem; justify-items: center; padding: 3rem 1rem; text-align: center;
    border: 1px dashed var(--border); border-radius: var(--radius)
  }
  .empty > .icon { width: 2rem; height: 2rem; color: var(--muted) }
  .skeleton { display: grid; gap: 0.75rem }
  .skeleton div { height: 3.25rem; border-radius: var(--radius); background: var(--subtle) }
  @media (prefers-reduced-motion: no-preference) {
    .skeleton div { animation: breathe 1.6s ease-in-out infinite alternate }
    .disclosure .icon { transition: rotate 120ms }
  }
  @keyframes breathe { to { opacity: 0.45 } }
`

export const styles: CSSResultGroup = [
  tokens, base, controlStyles, listStyles, dialogStyles, usageStyles, webhookStyles
]
