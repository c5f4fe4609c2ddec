import { html, nothing, type TemplateResult } from 'lit'
import type { ShownSecret } from '../dialogs.js'
import type { Actor, Stored } from '../form.js'
import { icons } from './icons.js'
import { say, type Shell } from './view.js'

/** A new secret, this once. Closing it without a copy asks first. */
export function secretDialog<C extends Actor, R extends Stored> (view: Shell<C, R>): TemplateResult | typeof nothing {
  const { model, state: { secret: shown } } = view
  if (shown === undefined) return nothing
  const close = () => {
    if (shown.copied !== 'yes') model.setSecret({ leaving: true })
    else model.setSecret(undefined)
  }
  return html`
    <dialog part="dialog" class="dialog" aria-labelledby="secret-title" aria-describedby="secret-text"
      @cancel=${(event: Event) => { event.preventDefault(); close() }}>
      ${shown.leaving ? leavingView(view) : shownView(view, shown, close)}
    </dialog>`
}

function shownView<C extends Actor, R extends Stored> (
  view: Shell<C, R>, { name, secret, copied }: ShownSecret, close: () => void
): TemplateResult {
  return html`
    <div class="dialog-head"><h3 id="secret-title">${say(view, 'secretTitle')}</h3></div>
    <div class="dialog-body">
      <p id="secret-text">${say(view, view.kind.secretText)}</p>
      <div class="secret">
        <textarea part="secret" id="secret" readonly rows="2" spellcheck="false" autocomplete="off"
          aria-label=${say(view, 'secretLabel', { name })} .value=${secret}
          @copy=${() => view.model.setSecret({ copied: 'yes' })}></textarea>
        <button part="button primary" class="button primary" type="button" autofocus @click=${() => view.copySecret()}>
          ${copied === 'yes' ? icons.check : icons.copy}${say(view, copied === 'yes' ? 'copied' : 'copy')}
        </button>
      </div>
      <p role="status" class="fault">${copied === 'refused' ? say(view, 'copyManually') : nothing}</p>
      <p role="status" class="hidden">${copied === 'yes' ? say(view, 'copied') : nothing}</p>
    </div>
    <div class="dialog-foot">
      <button part="button" class="button" type="button" @click=${close}>${say(view, 'done')}</button>
    </div>`
}

function leavingView<C extends Actor, R extends Stored> (view: Shell<C, R>): TemplateResult {
  return html`
    <div class="dialog-head"><h3 id="secret-title">${say(view, 'leaveTitle')}</h3></div>
    <div class="dialog-body"><p id="secret-text">${say(view, view.kind.leaveText)}</p></div>
    <div class="dialog-foot">
      <button part="button" class="button" type="button" @click=${() => view.model.setSecret(undefined)}>
        ${say(view, 'leaveAnyway')}
      </button>
      <button part="button primary" class="button primary" type="button" autofocus
        @click=${() => view.model.setSecret({ leaving: false })}>
        ${say(view, 'leaveBack')}
      </button>
    </div>`
}
