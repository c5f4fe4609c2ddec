import { css } from 'lit'

export const dialogStyles = css`
  .dialog {
    width: min(44rem, 100vw - 2rem); max-height: min(52rem, 100dvh - 2rem); padding: 0; overflow: hidden;
    border: 1px solid var(--border); border-radius: calc(var(--radius) * 1.5); background: var(--surface);
    color: var(--text); font-size: 0.9375rem; line-height: 1.5; box-shadow: 0 1rem 3rem #0006
  }
  .dialog::backdrop { background: #0b0e1480 }
  .dialog[open], .dialog form { display: flex; flex-direction: column; min-height: 0 }
  .dialog form { flex: 1 }
  .dialog-head {
    display: flex; gap: 1rem; align-items: flex-start; justify-content: space-between; padding: 1.125rem 1.25rem 0
  }
  .dialog-head h3 { padding-block: 0.375rem; overflow-wrap: anywhere }
  .dialog-head .plain { margin: 0 -0.5rem 0 0; flex: none }
  .dialog-body { display: grid; gap: 1.125rem; align-content: start; padding: 0.75rem 1.25rem 1.25rem; overflow: auto }
  .dialog-foot {
    display: flex; flex-wrap: wrap; gap: 0.625rem; justify-content: flex-end; padding: 0.875rem 1.25rem;
    border-block-start: 1px solid var(--border); background: var(--subtle)
  }
  .choices { display: flex; flex-wrap: wrap; gap: 0.375rem 1.25rem }
  .choices.stacked { flex-direction: column }
  .choice, .scope { display: flex; gap: 0.5rem; align-items: flex-start; min-height: 1.75rem; cursor: pointer }
  .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.625rem }
  .card {
    display: flex; gap: 0.625rem; min-width: 0; padding: 0.625rem 0.75rem; border: 1px solid var(--control-border);
    border-radius: var(--radius); cursor: pointer
  }
  .card:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent) }
  .card > span { display: grid; min-width: 0; overflow-wrap: anywhere }
  .clamp {
    display: -webkit-box; overflow: hidden; font-size: 0.875rem; -webkit-box-orient: vertical; -webkit-line-clamp: 3
  }
  .resources {
    display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 0.75rem; align-items: start
  }
  .resources > .cards { grid-column: 1 / -1 }
  .resource {
    display: grid; gap: 0.25rem; align-content: start; min-width: 0; margin: 0; padding: 0.5rem 0.75rem 0.625rem;
    border: 1px solid var(--border); border-radius: var(--radius)
  }
  .resource legend { padding: 0 0.25rem; font-weight: 600; font-size: 0.875rem }
  .scope > span { min-width: 0; overflow-wrap: anywhere }
  .scope:has(:disabled) { cursor: default }
  .secret { display: flex; gap: 0.625rem; align-items: stretch }
  .secret textarea {
    flex: 1; min-width: 0; align-content: center; resize: none; overflow-wrap: anywhere; background: var(--subtle)
  }
  @media (width < 36rem) {
    .dialog { width: 100vw; max-width: 100vw; max-height: 92dvh; margin-block: auto 0; border-radius: 1rem 1rem 0 0 }
    .dialog-foot .button { flex: 1 }
    .secret { flex-direction: column }
    .resources { grid-template-columns: 1fr }
  }
`
