import { html, nothing, type TemplateResult } from 'lit'
import { troubleText, type Trouble } from '../trouble.js'
import { icons } from './icons.js'
import { say, type View } from './view.js'

/** Why something did not happen, and what a person can do. */
export function troubleView (
  view: View, trouble: Trouble | undefined, again?: () => void
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
        <p>${say(view, troubleText[kind], { count: retryAfter })}</p>
        ${detail === undefined ? nothing : html`<p class="muted"><bdi>${detail}</bdi></p>`}
      </div>
      ${kind === 'signed-out' && view.signInUrl !== '' ? link : nothing}
      ${again === undefined ? nothing : button}
    </div>`
}

/** What was done last. The region is always there, so that screen readers announce what comes into it. */
export function messageView (view: View): TemplateResult {
  const { message } = view.state
  const notice = html`<p part="notice" class="notice success">${icons.check}<bdi class="grow">${message}</bdi></p>`
  return html`<div role="status" class="status">${message === '' ? nothing : notice}</div>`
}
