import { css } from 'lit'

export const controlStyles = css`
  .button {
    display: inline-flex; gap: 0.375rem; align-items: center; justify-content: center; min-height: 2.375rem;
    padding: 0.25rem 0.875rem; border: 1px solid var(--control-border); border-radius: var(--radius);
    background: var(--surface); color: var(--text); font: inherit; font-weight: 500; white-space: nowrap;
    text-decoration: none; cursor: pointer
  }
  .button:hover { background: var(--subtle) }
  .button.small { min-height: 2rem; padding: 0.125rem 0.625rem; font-size: 0.875rem; border-color: var(--border) }
  .button.small:hover { border-color: var(--control-border) }
  .button.danger { color: var(--danger) }
  .button.plain { border-color: transparent; background: none; padding: 0.25rem; min-width: 2.375rem }
  .button.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent) }
  .button.primary.danger { border-color: var(--danger); background: var(--danger); color: var(--on-danger) }
  .button.primary:hover { filter: brightness(0.93) }
  .button[aria-disabled='true'], .button:disabled { opacity: 0.6; cursor: default }
  .button[aria-busy='true'] { cursor: progress }
  :is(button, a, input, select, textarea):focus-visible, .card:has(:focus-visible) {
    outline: 2px solid var(--accent); outline-offset: 2px
  }
  .card input:focus-visible { outline: none }
  input:not([type='radio'], [type='checkbox']), select, textarea {
    min-height: 2.375rem; max-width: 100%; padding: 0.25rem 0.625rem; border: 1px solid var(--control-border);
    border-radius: var(--radius); background: var(--surface); color: var(--text); font: inherit
  }
  textarea { font-family: var(--mono); font-size: 0.875rem }
  input::placeholder { color: var(--muted); opacity: 1 }
  input[aria-invalid='true'] { border-color: var(--danger) }
  input[type='radio'], input[type='checkbox'] {
    flex: none; width: 1.125rem; height: 1.125rem; margin: 0.1875rem 0 0; accent-color: var(--accent)
  }
  .field { display: grid; gap: 0.25rem; min-width: 0; margin: 0; padding: 0; border: 0 }
  .field.compact { gap: 0.125rem }
  .field.compact .label { font-size: 0.8125rem; color: var(--muted) }
  .label { font-weight: 600; padding: 0; overflow-wrap: anywhere }
  .label .muted { font-weight: 400 }
  .help:empty, .fault:empty { display: none }
  .help { font-size: 0.875rem }
  .fault { color: var(--danger); font-weight: 500 }
  .search { position: relative; flex-basis: 14rem; display: flex }
  .search input { width: 100%; padding-inline-start: 2.125rem }
  .search .icon { position: absolute; inset: 0 auto 0 0.625rem; margin-block: auto; color: var(--muted) }
  .segments {
    display: flex; padding: 0.1875rem; border-radius: calc(var(--radius) + 0.125rem); background: var(--subtle)
  }
  .segments button {
    min-height: 2rem; padding: 0 0.75rem; border: 1px solid transparent; border-radius: var(--radius);
    background: none; color: var(--muted); font: inherit; font-weight: 500; cursor: pointer
  }
  .segments button[aria-pressed='true'] {
    background: var(--surface); border-color: var(--border); color: var(--text)
  }
  .chip {
    padding: 0.0625rem 0.375rem; border-radius: 0.3125rem; background: var(--subtle); color: var(--text);
    overflow-wrap: anywhere
  }
  .chip.more { color: var(--muted); font-size: 0.8125rem }
  .chips { display: flex; flex-wrap: wrap; gap: 0.25rem }
  .badge {
    padding: 0.0625rem 0.5rem; border-radius: 1rem; font-size: 0.8125rem; font-weight: 500;
    background: var(--subtle); color: var(--muted)
  }
  .badge.success { background: var(--success-surface); color: var(--success-text) }
  .badge.warning { background: var(--warning-surface); color: var(--warning-text) }
  .badge.danger { background: var(--danger-surface); color: var(--danger-text) }
`
