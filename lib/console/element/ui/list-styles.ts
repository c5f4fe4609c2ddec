import { css } from 'lit'

export const listStyles = css`
  table { width: 100%; border-collapse: collapse; border-block-end: 1px solid var(--border) }
  th {
    padding: 0.5rem 0.75rem 0.5rem 0; color: var(--muted); font-size: 0.8125rem; font-weight: 500; text-align: start;
    white-space: nowrap
  }
  td { padding: 0.75rem 0.75rem 0.75rem 0; border-block-start: 1px solid var(--border); vertical-align: top }
  td:last-child { padding-inline-end: 0 }
  .row .name { width: 30%; min-width: 12rem }
  .disclosure {
    display: flex; gap: 0.25rem; padding: 0; border: 0; border-radius: 0.25rem; background: none; color: inherit;
    font: inherit; font-weight: 600; text-align: start; overflow-wrap: anywhere; cursor: pointer
  }
  .disclosure bdi { min-width: 0; max-width: 22rem }
  .disclosure:hover bdi { text-decoration: underline; text-underline-offset: 0.2em }
  .disclosure .icon { margin-block-start: 0.125rem; color: var(--muted) }
  .disclosure[aria-expanded='true'] .icon { rotate: 90deg }
  .under { display: flex; flex-wrap: wrap; gap: 0.375rem; align-items: center; padding-inline-start: 1.375rem }
  .under code { color: var(--muted) }
  .cell { overflow-wrap: anywhere }
  time { white-space: nowrap }
  .cell-label { display: none }
  .actions { white-space: nowrap; text-align: end }
  .actions .button + .button { margin-inline-start: 0.375rem }
  .details td { padding: 0; border: 0 }
  .details-body {
    display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; margin: 0 0 1rem 1.375rem; padding: 1rem;
    border-radius: var(--radius); background: var(--subtle)
  }
  .details-body .chip { background: var(--surface) }
  .details-body .actions { text-align: start }
  dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 0.875rem 1.5rem }
  .fact { min-width: 0; overflow-wrap: anywhere }
  dt { color: var(--muted); font-size: 0.8125rem }
  dd li + li { margin-block-start: 0.25rem }
  .footer { display: flex; gap: 1rem; align-items: center; justify-content: space-between; min-height: 2.375rem }

  @container latchkey (width < 60rem) {
    table, tbody, .row, .details, .details td { display: block }
    table { border: 0 }
    thead {
      position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)
    }
    .row {
      display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 0.75rem 1rem;
      margin-block-end: 0.75rem; padding: 0.875rem;
      border: 1px solid var(--border); border-radius: var(--radius)
    }
    .row td { display: block; min-width: 0; padding: 0; border: 0 }
    .disclosure bdi { max-width: none }
    .row .name, .row .wide, .row .actions { grid-column: 1 / -1; width: auto; min-width: 0; text-align: start }
    .cell-label { display: block; color: var(--muted); font-size: 0.8125rem }
    .details-body { margin: 0 0 1rem }
    .row:has(+ .details) { margin-block-end: 0.375rem }
  }
  @container latchkey (width < 30rem) {
    .header .grow, .header .primary { flex: 1 0 100% }
    .header .field { flex: 1 1 8rem }
    .filters .segments, .filters select { flex: 1 }
    .filters .segments { flex-basis: 100% }
    .segments button { flex: 1; padding: 0 0.375rem }
    .row .actions { display: flex; gap: 0.5rem }
    .row .actions .button { flex: 1; margin: 0; min-height: 2.375rem }
    dl { grid-template-columns: 1fr }
  }
`
