import { css } from 'lit'

export const usageStyles = css`
  .spark {
    display: inline-grid; grid-template-columns: 3.5rem auto; gap: 0 0.5rem; align-items: end; white-space: nowrap
  }
  .spark svg { width: 100%; height: 1.5rem; border-block-end: 1px solid var(--control-border) }
  .spark .note { grid-column: 1 / -1; font-size: 0.8125rem }
  path.admitted, .lane.admitted path { fill: var(--admitted) }
  path.limited, .lane.limited path { fill: var(--limited) }
  .lane.refused path { fill: var(--refused) }
  .usage { display: grid; gap: 0.625rem; padding-block-start: 1rem; border-block-start: 1px solid var(--border) }
  .usage > * { min-width: 0 }
  .usage-head { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; justify-content: space-between }
  .usage .segments { background: var(--surface) }
  .usage .segments button[aria-pressed='true'] { background: var(--subtle); border-color: var(--control-border) }
  .usage .segments button { white-space: nowrap }
  .usage .skeleton .tall { height: 10rem; background: var(--surface) }
  .readout { min-height: 3em }
  .readout strong { display: block }
  .chart {
    display: grid; grid-template-columns: auto 1fr; gap: 0.125rem 0.5rem; direction: ltr; touch-action: pan-y
  }
  .lane-name, .axis { grid-column: 2 }
  .lane-name { margin-block-start: 0.25rem; font-size: 0.8125rem; font-weight: 600 }
  .scale {
    display: flex; flex-direction: column; justify-content: space-between; color: var(--muted); font-size: 0.75rem;
    line-height: 1; text-align: end
  }
  .lane {
    width: 100%; height: 3rem; overflow: visible; border-block: 1px solid var(--border);
    border-block-end-color: var(--control-border)
  }
  .lane.admitted { height: 7rem }
  .lane .pointed { fill: var(--border) }
  .lane .limit { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 6 4 }
  .axis { width: 100%; height: 1.25rem }
  .axis line { stroke: var(--control-border) }
  .axis text { fill: var(--muted); font-size: 0.75rem }
  summary { width: fit-content; cursor: pointer }
  .numbers { max-height: 20rem; margin-block-start: 0.5rem; overflow: auto }
  .numbers table { display: table; border-block-end: 1px solid var(--border) }
  .numbers thead { position: static; display: table-header-group; clip-path: none }
  .numbers tbody { display: table-row-group }
  .numbers .chip { white-space: nowrap }
  .numbers td, .numbers th { display: table-cell; padding: 0.25rem 0.75rem 0.25rem 0; vertical-align: top }
  .numbers td, .numbers tbody th { border-block-start: 1px solid var(--border) }
  @container latchkey (width < 30rem) {
    .usage .segments { flex: 1 }
  }
`
