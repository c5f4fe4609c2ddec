import t from 'tap'
import { build } from '../../examples/embed.js'
import { fakeClock } from '../../lib/testing/index.js'
import { launchBrowser } from '../helpers/browser.js'
import { axeFaults, openSettings } from '../helpers/settings.js'

t.setTimeout(120_000)

t.test('a page of a host with its own look embeds the element', async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const clock = fakeClock(Date.UTC(2026, 11, 1))
  const { app } = await build({ clock: clock.now, logger: false })
  t.teardown(() => app.close())
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const { page, button, dialog, row, complaints } = await openSettings(browser, { url, clock }, {}, '/')
  await page.getByRole('heading', { name: 'Keys of your kitchen' }).waitFor()
  await button('Create key').click()
  await dialog.getByLabel('Name').fill('Menu board')
  await dialog.getByRole('checkbox', { name: /^recipes:read/ }).check()
  await dialog.getByRole('button', { name: 'Create key' }).click()
  await button('Copy').click()
  await button('Done').click()
  await row('Menu board').waitFor()
  const styleOf = (property: string) => button('Create key').evaluate((element, property) => Reflect.get(Reflect.get(globalThis, 'getComputedStyle')(element), property), property)
  t.equal(await styleOf('backgroundColor'), 'rgb(154, 52, 18)', 'in the colour of the host')
  t.match(await styleOf('fontFamily'), 'Georgia')
  t.same((await axeFaults(page)).filter((fault) => !/landmark|region/.test(fault)), [], 'but for landmarks, which are the host\'s')
  t.same(complaints, [])
})
