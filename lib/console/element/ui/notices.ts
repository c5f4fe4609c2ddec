import { html, nothing, type TemplateResult } from 'lit'
import type { Actor, Stored } from '../form.js'
import type { Trouble } from '../trouble.js'
import { icons } from './icons.js'
import { say, type Shell } from './view.js'

/** Why something did not happen, and what a person can do. @param text in the place of what is said of its kind */
export function troubleView<C extends Actor, R extends Stored> (
  view: Shell<C, R>, trouble: Trouble | undefined, again?: () => void, text?: string
): TemplateResult | typeof nothing {
  if (trouble === undefined) return nothing
  const { kind, detail, retryAfter = 0 } = trouble
  const link = html`
    <a part="button" class="button" href=${view.signInUrl} target="_blank" rel="noopener">${say(view, 'signIn')}</a>`
  const button = html`
    <button part="button" class="button" type="button" @click=${again}>${say(view, 'tryAgain')}</button>`
  return html`
    <div part="notice" class="notice trouble" role="alert">
      ${icons.warning}
      <div class="grow">
        <p><bdi>${text ?? say(view, view.kind.troubles[kind], { count: retryAfter })}</bdi></p>
        ${detail === undefined ? nothing : html`<p class="muted"><bdi>${detail}</bdi></p>`}
      </div>
      ${kind === 'signed-out' && view.signInUrl !== '' ? link : nothing}
      ${again === undefined ? nothing : button}
    </div>`
}

/** What was done last. The region is always there, so that screen readers announce what comes into it. */
export function messageView (message: string): TemplateResult {
  const notice = html`<p part="notice" class="notice success">${icons.check}<bdi class="grow">${message}</bdi></p>`
  return html`<div role="status" class="status">${message === '' ? nothing : notice}</div>`
}
