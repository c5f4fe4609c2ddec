import { css } from 'lit'

/** Colours and measures. A host sets those that begin with `--latchkey-`. */
export const tokens = css`
  :host {
    display: block;
    container: latchkey / inline-size;
    color-scheme: inherit;
    font-family: inherit;
    --surface: var(--latchkey-surface, light-dark(#ffffff, #14171d));
    --subtle: var(--latchkey-subtle, light-dark(#f4f6f9, #1d222b));
    --border: var(--latchkey-border, light-dark(#dde1e8, #323947));
    --control-border: var(--latchkey-control-border, light-dark(#838d9e, #727d91));
    --text: var(--latchkey-text, light-dark(#1a2130, #e8ebf1));
    --muted: var(--latchkey-muted, light-dark(#556074, #a5aebd));
    --accent: var(--latchkey-accent, light-dark(#2a55cf, #93b3ff));
    --on-accent: var(--latchkey-on-accent, light-dark(#ffffff, #0c1730));
    --danger: var(--latchkey-danger, light-dark(#b3261e, #ff9d94));
    --on-danger: var(--latchkey-on-danger, light-dark(#ffffff, #3b0906));
    --danger-surface: var(--latchkey-danger-surface, light-dark(#fdecea, #3a1715));
    --danger-text: var(--latchkey-danger-text, light-dark(#8c1d17, #ffc4be));
    --warning-surface: var(--latchkey-warning-surface, light-dark(#fff2d3, #382a0b));
    --warning-text: var(--latchkey-warning-text, light-dark(#704600, #ffd584));
    --success-surface: var(--latchkey-success-surface, light-dark(#e4f5eb, #10301f));
    --success-text: var(--latchkey-success-text, light-dark(#0b5c36, #8fe3b5));
    --admitted: var(--latchkey-admitted, var(--accent));
    --limited: var(--latchkey-limited, light-dark(#b45309, #fbbf24));
    --refused: var(--latchkey-refused, var(--danger));
    --radius: var(--latchkey-radius, 0.5rem);
    --mono: var(--latchkey-mono, ui-monospace, 'SF Mono', 'Cascadia Code', 'Liberation Mono', Menlo, monospace);
  }
  :host([theme='light']) { color-scheme: light }
  :host([theme='dark']) { color-scheme: dark }
  :host([hidden]) { display: none }
`
