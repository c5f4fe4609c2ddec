import { access } from 'node:fs/promises'
import { chromium, type Browser } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** A real browser that talks to nobody but the pages it is sent to. */
export async function launchBrowser (): Promise<Browser> {
  await access(CHROMIUM).catch(() => {
    throw new Error(`the browser test needs Chromium at ${CHROMIUM}: apt-get install -y chromium, or set CHROMIUM to where it is`)
  })
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  })
}
