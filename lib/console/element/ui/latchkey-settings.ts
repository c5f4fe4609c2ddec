import type { Place } from '../api.js'
import { urlAt } from '../places.js'

/** `<latchkey-settings>`: around the tabs of a page, so that each tab, and a reload, stays where a person acts. */
export class LatchkeySettings extends HTMLElement {
  constructor () {
    super()
    this.addEventListener('latchkey-place', ({ detail }) => this.#carry(detail))
  }

  #carry (place: Place): void {
    history.replaceState(history.state, '', urlAt(location.href, place))
    for (const link of this.querySelectorAll<HTMLAnchorElement>('nav a')) link.href = urlAt(link.href, place)
  }
}
