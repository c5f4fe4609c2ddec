import t from 'tap'
import { launchBrowser } from '../helpers/browser.js'
import { collectRounds } from '../helpers/collect.js'
import { ada, axeFaults, DAY, openSettings, startSettings } from '../helpers/settings.js'

t.setTimeout(300_000)
const browser = await launchBrowser()
t.teardown(() => browser.close())

t.test('thousands: fifty are shown, more on demand, and a search finds the oldest', async (t) => {
  const settings = await startSettings(t)
  await settings.issue({ name: 'needle' })
  for (let i = 0; i < 1200; i++) {
    settings.clock.advance(0.001)
    await settings.issue({ name: `Key ${i}` })
  }
  const { page, row, button, close } = await openSettings(browser, settings)
  await row('Key 1199').waitFor()
  const shown = page.getByRole('button', { name: /^Details: / })
  t.equal(await shown.count(), 50)
  await button('Show more').click()
  await row('Key 1100').waitFor()
  t.equal(await shown.count(), 100)
  await page.getByRole('searchbox').fill('needle')
  await row('needle').waitFor()
  await page.getByText('1 key', { exact: true }).waitFor()
  t.equal(await shown.count(), 1)
  await page.getByRole('searchbox').fill('nothing like it')
  await page.getByText('No key matches.').waitFor()
  t.same(await axeFaults(page), [])
  await button('Clear search').click()
  await row('Key 1199').waitFor()
  await close()
})

t.test('an outage says so and keeps what was typed; trying again succeeds', async (t) => {
  const settings = await startSettings(t)
  const { page, button, dialog, row, close } = await openSettings(browser, settings)
  await button('Create key').click()
  await dialog.getByLabel('Name').fill('ERP')
  await dialog.getByRole('checkbox', { name: /^devices:write/ }).check()
  settings.host.isDown = true
  await dialog.getByRole('button', { name: 'Create key' }).click()
  await dialog.getByRole('alert').getByText('Keys can’t be reached right now.').waitFor()
  t.same(await axeFaults(page), [])
  t.equal(await dialog.getByLabel('Name').inputValue(), 'ERP')
  settings.host.isDown = false
  await dialog.getByRole('button', { name: 'Create key' }).click()
  await button('Copy').click()
  await button('Done').click()
  await row('ERP').waitFor()

  settings.host.isDown = true
  await page.reload()
  await page.getByRole('alert').waitFor()
  t.same(await axeFaults(page), [])
  settings.host.isDown = false
  await button('Try again').click()
  await row('ERP').waitFor()
  await close()
})

t.test('a session that has ended says so, with a link that opens a tab, and what was typed stays', async (t) => {
  const settings = await startSettings(t, { page: { signIn: '/sign-in' } })
  const { page, button, dialog, close } = await openSettings(browser, settings)
  await button('Create key').click()
  await dialog.getByLabel('Name').fill('ERP')
  await dialog.getByRole('checkbox', { name: /^devices:write/ }).check()
  settings.host.person = null
  await dialog.getByRole('button', { name: 'Create key' }).click()
  const link = dialog.getByRole('link', { name: 'Sign in' })
  await link.waitFor()
  t.equal(await link.getAttribute('target'), '_blank')
  t.equal(await link.getAttribute('href'), '../sign-in')
  t.same(await axeFaults(page), [])
  settings.host.person = ada
  await dialog.getByRole('button', { name: 'Create key' }).click()
  await page.getByLabel('Secret of ERP').waitFor()
  await close()
})

t.test('two people: what one changes, the other sees as a conflict that says who it was, and by itself on coming back to the page', async (t) => {
  const settings = await startSettings(t)
  await settings.issue({ name: 'CRM' })
  const [one, other] = [await openSettings(browser, settings), await openSettings(browser, settings)]
  await one.button('Details: CRM').click()
  await one.button('Rename CRM').click()
  await one.dialog.getByLabel('Name').fill('Sales CRM')
  await other.button('Details: CRM').click()
  await other.button('Rename CRM').click()
  await other.dialog.getByLabel('Name').fill('CRM of finance')
  settings.host.person = { ...ada, id: 'user_bea', owner: 'Bea Lind' }
  await other.dialog.getByRole('button', { name: 'Rename' }).click()
  await other.row('CRM of finance').waitFor()
  settings.host.person = ada

  await one.dialog.getByRole('button', { name: 'Rename' }).click()
  await one.dialog.getByText('Bea Lind changed this 1 second ago. You see it as it is now.').waitFor()
  t.equal(await one.dialog.getByLabel('Name').inputValue(), 'Sales CRM')
  await one.dialog.getByRole('heading', { name: 'Rename CRM of finance' }).waitFor()
  t.same(await axeFaults(one.page), [])
  await one.dialog.getByRole('button', { name: 'Rename' }).click()
  await one.row('Sales CRM').waitFor()

  await one.button('Revoke Sales CRM').click()
  await one.dialog.getByLabel('Type “Sales CRM” to confirm').fill('Sales CRM')
  await one.dialog.getByRole('button', { name: 'Revoke' }).click()
  await one.row('Sales CRM').waitFor({ state: 'detached' })
  t.equal(await one.page.evaluate('document.activeElement.shadowRoot.activeElement.id'), 'title', 'the focus stays on the page')
  await other.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
  await other.page.getByText('No keys yet').waitFor()
  await Promise.all([one.close(), other.close()])
})

t.test('a verb that the key allows no more says so', async (t) => {
  const settings = await startSettings(t)
  const { key } = await settings.issue({ name: 'CRM' })
  const { page, button, dialog, close } = await openSettings(browser, settings)
  await button('Rotate CRM').click()
  await settings.keys.revoke('northwind', key.id)
  await dialog.getByRole('button', { name: 'Rotate' }).click()
  await dialog.getByText('the key has ended').waitFor()
  t.same(await axeFaults(page), [])
  await close()
})

t.test('rotation with a grace period shows until when the old secret works; both work until then', async (t) => {
  const settings = await startSettings(t)
  const { secret } = await settings.issue({ name: 'CRM' })
  const { page, button, dialog, row, close } = await openSettings(browser, settings)
  await button('Rotate CRM').click()
  await dialog.getByRole('radio', { name: 'Works for another day' }).check()
  t.same(await axeFaults(page), [])
  await dialog.getByRole('button', { name: 'Rotate' }).click()
  const next = await page.getByLabel('Secret of CRM').inputValue()
  await button('Copy').click()
  await button('Done').click()
  t.match(await row('CRM').innerText(), 'Old secret works until tomorrow')
  t.same([(await settings.inject(secret)).statusCode, (await settings.inject(next)).statusCode], [200, 200])
  settings.clock.advance(DAY)
  t.same([(await settings.inject(secret)).statusCode, (await settings.inject(next)).statusCode], [401, 200])
  await close()
})

t.test('a key is narrowed to the scopes that were used', async (t) => {
  const settings = await startSettings(t)
  const { key } = await settings.issue({ name: 'CRM', scopes: ['devices:manage', 'reports:read'] })
  const at = new Date(settings.clock.now())
  await settings.store.recordUse([{ workspace: 'northwind', id: key.id, lastUsedAt: at, scopesUsedAt: { 'devices:read': at } }])
  const { page, button, dialog, close } = await openSettings(browser, settings)
  await button('Details: CRM').click()
  t.match(await page.getByRole('region', { name: 'Details of CRM' }).innerText(), /reports:read never used\s+devices:read used now/)
  t.same(await axeFaults(page), [])
  await button('Narrow scopes CRM').click()
  t.same(await axeFaults(page), [])
  await dialog.getByRole('button', { name: 'Narrow scopes' }).click()
  await page.getByText('CRM has fewer scopes.').waitFor()
  t.same((await settings.keys.get('northwind', key.id)).scopes, ['devices:read'])
  await close()
})

t.test('a secret that was not copied asks before it is closed, and before a person leaves', async (t) => {
  const settings = await startSettings(t)
  await settings.issue({ name: 'CRM' })
  const { page, button, dialog, keyboard, close } = await openSettings(browser, settings)
  await button('Rotate CRM').click()
  await dialog.getByRole('button', { name: 'Rotate' }).click()
  const secret = await page.getByLabel('Secret of CRM').inputValue()
  const asked = page.waitForEvent('dialog')
  const left = page.reload().catch(() => {})
  const question = await asked
  t.equal(question.type(), 'beforeunload')
  await question.dismiss()
  await left
  await keyboard.press('Escape')
  await dialog.getByText('The secret has not been copied').waitFor()
  t.same(await axeFaults(page), [])
  await button('Back to the secret').click()
  t.equal(await page.getByLabel('Secret of CRM').inputValue(), secret)
  await button('Done').click()
  await button('Close without copying').click()
  await dialog.waitFor({ state: 'detached' })
  t.equal(await page.evaluate('document.activeElement.shadowRoot.activeElement.ariaLabel'), 'Rotate CRM', 'the focus is back where it was')

  const traces: unknown = await page.evaluate('JSON.stringify([location.href, history.state, { ...localStorage }, { ...sessionStorage }, document.cookie])')
  t.notMatch(traces, secret)
  t.equal(await page.evaluate(`document.querySelector('latchkey-keys').shadowRoot.innerHTML.includes(${JSON.stringify(secret)})`), false)
  await close()
})

t.test('where the clipboard is refused, the secret is selected and its copy by hand counts', async (t) => {
  const settings = await startSettings(t)
  await settings.issue({ name: 'CRM' })
  const { page, button, dialog, keyboard, close } = await openSettings(browser, settings, { permissions: [] })
  await page.evaluate("navigator.clipboard.writeText = async () => { throw new Error('refused') }; document.execCommand = () => false")
  await button('Rotate CRM').click()
  await dialog.getByRole('button', { name: 'Rotate' }).click()
  await button('Copy').click()
  await dialog.getByText('The browser refused to copy.').waitFor()
  t.same(await axeFaults(page), [])
  await keyboard.press('Control+C')
  await button('Copied').waitFor()
  await button('Done').click()
  await dialog.waitFor({ state: 'detached' })
  await close()
})

t.test('names with markup, right-to-left and 200 characters harm nothing', async (t) => {
  const settings = await startSettings(t)
  const names = ['<img src=x onerror=alert(1)>', 'מפתח \u202Eevil', `${'long-'.repeat(40)}`, '{name} {count}']
  for (const name of names) await settings.issue({ name, metadata: { '<b>': '<script>alert(1)</script>' } })
  const rounds = collectRounds()
  for (const width of [1280, 390]) {
    const { page, row, complaints, close } = await openSettings(browser, settings, { viewport: { width, height: 800 } })
    await row(names[0] ?? '').waitFor()
    for (const name of names) rounds.add(await row(name).getByRole('cell').first().getByText(name, { exact: true }).count(), 1, name)
    await page.getByRole('button', { name: `Details: ${names[0]}`, exact: true }).click()
    await page.getByText('<script>alert(1)</script>').waitFor()
    rounds.add(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, 'nothing sticks out')
    rounds.add(await axeFaults(page), [])
    rounds.add([...complaints], [])
    await close()
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('who may only see keys is offered nothing else', async (t) => {
  const settings = await startSettings(t)
  settings.host.person = { ...ada, scopes: ['api_keys:read'] }
  await settings.issue({ name: 'CRM' })
  const { page, row, button, close } = await openSettings(browser, settings)
  await row('CRM').waitFor()
  await button('Details: CRM').click()
  t.equal(await page.getByRole('button', { name: /Create|Rotate|Revoke CRM|Rename|Narrow/ }).count(), 0)
  t.same(await axeFaults(page), [])
  await close()
})

t.test('a keyboard alone: create a key from the first Tab to Done', async (t) => {
  const settings = await startSettings(t, { routes: { workspacesOf: undefined, environmentsOf: undefined } })
  const { page, keyboard, row, close } = await openSettings(browser, settings)
  await page.getByText('No keys yet').waitFor()
  const press = async (...keys: readonly string[]) => { for (const key of keys) await keyboard.press(key) }
  await press('Tab', 'Enter')
  await page.getByRole('dialog').waitFor()
  while (await page.evaluate('document.activeElement.shadowRoot.activeElement.id') !== 'field-name') await press('Tab')
  await keyboard.type('ERP')
  await press('Tab', 'Space', 'Enter')
  await page.getByLabel('Secret of ERP').waitFor()
  await press('Enter')
  await page.getByRole('button', { name: 'Copied' }).waitFor()
  await press('Tab', 'Enter')
  await row('ERP').waitFor()
  t.match(await row('ERP').innerText(), 'devices:read')
  t.equal(await page.evaluate('document.activeElement.shadowRoot.activeElement.innerText.trim()'), 'Create key')
  await close()
})
