import { mkdirSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { launchBrowser } from './browser.js'
import { withEnding, type Ending } from './ending.js'
import { openSettings, type Settings } from './settings.js'

export interface Gallery<S extends Settings> {
  readonly start: (ending: Ending) => Promise<S>
  readonly path: string
  /** Name of a button that is there once the page is. */
  readonly ready: string
  /** How each state is reached. */
  readonly states: Readonly<Record<string, (page: Page, settings: S) => Promise<void>>>
}

/** Writes the states of a page to screenshots/, light and dark, wide and on a phone. @param only names of states; all of them by default */
export async function takeScreenshots<S extends Settings> ({ start, path, ready, states }: Gallery<S>, only: readonly string[]): Promise<void> {
  mkdirSync('screenshots', { recursive: true })
  await withEnding(async (ending) => {
    const browser = await launchBrowser()
    ending.teardown(() => browser.close())
    for (const [size, viewport] of [['wide', { width: 1200, height: 800 }], ['phone', { width: 390, height: 844 }]] as const) {
      for (const colorScheme of ['light', 'dark'] as const) {
        const settings = await start(ending)
        for (const [name, reach] of Object.entries(states)) {
          if (only.length > 0 && !only.includes(name)) continue
          const { page, close } = await openSettings(browser, settings, { viewport, colorScheme, hasTouch: size === 'phone', reducedMotion: 'reduce' }, path)
          await page.getByRole('button', { name: ready }).waitFor()
          await reach(page, settings)
          await page.waitForTimeout(100)
          await page.screenshot({ path: `screenshots/${name}-${colorScheme}-${size}.png` })
          await close()
        }
      }
    }
  })
}
