import { chromium, type Browser } from 'playwright-core'
import { findChromium } from '../runner/find-program.js'

/** A real browser that talks to nobody but the pages it is sent to. */
export async function launchBrowser (): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error('this test needs Chromium: npm run test:services')
  return await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  })
}
