import t, { type Test } from 'tap'
import { build as companyTokens } from '../../examples/company-tokens.js'
import { build as keyTypes } from '../../examples/key-types.js'
import { build as resourceActions } from '../../examples/resource-actions.js'
import type { Build } from '../../examples/base.js'
import { fakeClock } from '../../lib/testing/index.js'
import { launchBrowser } from '../helpers/browser.js'
import { collectRounds } from '../helpers/collect.js'
import { seedTable } from '../helpers/seed-table.js'
import { axeFaults, DAY, openSettings } from '../helpers/settings.js'

t.setTimeout(300_000)
const browser = await launchBrowser()
t.teardown(() => browser.close())

/** What no page should have said or asked. */
const complaints: string[][] = []

/** An example, and a person who has opened its settings and signed in. */
async function signIn (t: Test, build: Build, person: string) {
  const clock = fakeClock(Date.UTC(2026, 11, 1))
  const { app, keys } = await build({ clock: clock.now, logger: { level: 'silent' } })
  t.teardown(() => app.close())
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const opened = await openSettings(browser, { url, clock }, {}, '/settings')
  const { page, button, dialog } = opened
  t.teardown(() => opened.close())
  await page.waitForURL(`${url}/sign-in`)
  await button(`Sign in as ${person}`).click()
  await page.waitForURL(`${url}/settings/`)
  complaints.push(opened.complaints)

  const ask = (secret: string, path: string, method: 'GET' | 'POST' | 'DELETE' = 'GET') => app.inject({ method, url: path, headers: { authorization: `Bearer ${secret}` } })
  /** Fills in a form that is open. @returns the secret that is shown, and copied */
  async function submit (name: string): Promise<string> {
    await dialog.getByRole('button', { name, exact: true }).click()
    const secret = await page.locator('textarea').inputValue()
    await button('Copy').click()
    await button('Copied').waitFor()
    t.equal(await page.evaluate('navigator.clipboard.readText()'), secret)
    await button('Done').click()
    return secret
  }
  return { ...opened, app, keys, clock, url, ask, submit }
}

t.test('"Log in", "Navigate to Settings → API Tokens", "Click Generate New Token", "Copy and securely store your token"', async (t) => {
  const { page, button, dialog, row, ask, submit } = await signIn(t, companyTokens, 'ada@acme.example')
  await page.getByRole('heading', { name: 'Settings → API Tokens' }).waitFor()
  await page.getByRole('heading', { name: 'API Tokens', exact: true }).waitFor()
  await button('Generate New Token').click()
  await dialog.getByLabel('Name').fill('ERP')
  const secret = await submit('Generate New Token')
  t.match(secret, /^sk_live_/)
  t.match(await row('ERP').innerText(), /Read\s+production\s+Never\s+Never/, '"API tokens do not expire automatically"')
  t.match((await ask(secret, '/api/accounts/user-config/')).json(), { user: 'ada@acme.example', company: 'acme', permissions: ['Read'] })
  t.notMatch(await page.content(), secret)
})

t.test('"Read", "Write" and "Admin" are levels, of which one is chosen', async (t) => {
  const { button, dialog, ask, submit } = await signIn(t, companyTokens, 'ada@acme.example')
  await button('Generate New Token').click()
  t.same(await dialog.locator('.card strong').allInnerTexts(), ['Read', 'Write', 'Admin'])
  t.equal(await dialog.getByRole('radio', { name: /^Read/ }).isChecked(), true, 'the least is chosen at first')
  await dialog.getByRole('radio', { name: /^Write/ }).check()
  await dialog.getByLabel('Name').fill('ERP')
  const secret = await submit('Generate New Token')
  t.equal((await ask(secret, '/api/orders/order_1/', 'DELETE')).statusCode, 403)
})

t.test('"Tokens inherit the permissions of the user who created them": who may read is offered Read alone', async (t) => {
  const { button, dialog } = await signIn(t, companyTokens, 'bob@acme.example')
  await button('Generate New Token').click()
  await dialog.getByText('Read', { exact: true }).waitFor()
  t.equal(await dialog.getByText(/^(Write|Admin)$/).count(), 0)
})

t.test('"Switch companies in the UI before generating tokens": each token is associated with one company', async (t) => {
  const { page, button, dialog, row, ask, submit } = await signIn(t, companyTokens, 'ada@acme.example')
  await row('admin').waitFor()
  await page.getByLabel('Company').selectOption('globex')
  await row('other-company').waitFor()
  t.equal(await row('admin').count(), 0)
  await button('Generate New Token').click()
  t.equal(await dialog.getByText('Admin', { exact: true }).count(), 0, 'she may write there, and no more')
  await dialog.getByLabel('Name').fill('ERP')
  const secret = await submit('Generate New Token')
  t.match((await ask(secret, '/api/accounts/user-config/')).json(), { company: 'globex' })
})

t.test('"Use separate tokens for development and production"', async (t) => {
  const { page, button, dialog, row, ask, submit } = await signIn(t, companyTokens, 'ada@acme.example')
  await button('Generate New Token').click()
  await dialog.getByLabel('Name').fill('my laptop')
  await dialog.getByRole('radio', { name: 'development' }).check()
  const secret = await submit('Generate New Token')
  t.match(secret, /^sk_test_/)
  t.equal((await ask(secret, '/api/orders/')).statusCode, 403)
  await row('my laptop').waitFor()
  t.equal(await page.getByLabel('Environment').inputValue(), 'development', 'the list shows where it is')
})

t.test('"Go to Settings → API Tokens", "Click Revoke next to the token", "The token becomes immediately invalid"', async (t) => {
  const { button, dialog, row, keys, ask } = await signIn(t, companyTokens, 'ada@acme.example')
  const secret = keys.write ?? ''
  t.equal((await ask(secret, '/api/orders/')).statusCode, 200)
  await row('write').getByText('Revoke').click()
  await dialog.getByLabel('Type “write” to confirm').fill('write')
  await dialog.getByRole('button', { name: 'Revoke' }).click()
  await row('write').waitFor({ state: 'detached' })
  t.equal((await ask(secret, '/api/orders/')).statusCode, 401)
  await button('Revoked and expired').click()
  t.match(await row('write').innerText(), /Revoked/)
})

t.test('"We recommend rotating tokens every 90 days": a token of that age says so', async (t) => {
  const { page, clock, row } = await signIn(t, companyTokens, 'ada@acme.example')
  t.notMatch(await row('read').innerText(), 'Rotate soon')
  clock.advance(90 * DAY + 1)
  await page.clock.setFixedTime(clock.now())
  await page.reload()
  t.match(await row('read').innerText(), 'Rotate soon')
})

t.test('"Find existing keys or create new ones in FloKit → Settings → API Keys": of the workspace, by type', async (t) => {
  const { page, button, dialog, row, ask, submit } = await signIn(t, keyTypes, 'ada')
  await page.getByRole('heading', { name: 'FloKit → Settings → API Keys' }).waitFor()
  await Promise.all([row('read-only').waitFor(), row('read-write').waitFor()])
  t.equal(await row('other-workspace').count(), 0, '"Keys are workspace-scoped."')
  await button('Create key').click()
  t.same(await dialog.locator('.card').allInnerTexts(), [
    'Read-only\nAccess reports, inspect events, list integrations',
    'Read-write\nAll read permissions plus: send events, trigger syncs, approve and reject actions',
    'Custom\nChoose single scopes.'
  ])
  t.same(await axeFaults(page), [])
  await dialog.getByLabel('Name').fill('reporting')
  const readOnly = await submit('Create key')
  t.equal((await ask(readOnly, '/v1/reports')).statusCode, 200)
  t.equal((await ask(readOnly, '/v1/actions/action_1/approve', 'POST')).statusCode, 403)
  await button('Create key').click()
  await dialog.getByLabel('Name').fill('server')
  await dialog.getByRole('radio', { name: /^Read-write/ }).check()
  t.equal((await ask(await submit('Create key'), '/v1/actions/action_1/approve', 'POST')).statusCode, 200)
})

t.test('a custom type is of single scopes', async (t) => {
  const { button, dialog, row, submit } = await signIn(t, keyTypes, 'ada')
  await button('Create key').click()
  await dialog.getByLabel('Name').fill('events alone')
  await dialog.getByRole('radio', { name: /^Custom/ }).check()
  for (const scope of ['reports:read', 'integrations:list']) await dialog.getByRole('checkbox', { name: new RegExp(`^${scope}`) }).uncheck()
  await submit('Create key')
  t.match(await row('events alone').innerText(), /events:read\s+production/)
})

t.test('"Rotate keys in FloKit → Settings → API Keys. After rotation, the previous key is immediately invalidated."', async (t) => {
  const { button, keys, ask, submit } = await signIn(t, keyTypes, 'ada')
  await button('Rotate read-only').click()
  const secret = await submit('Rotate')
  t.equal((await ask(keys['read-only'] ?? '', '/v1/reports')).statusCode, 401)
  t.equal((await ask(secret, '/v1/reports')).statusCode, 200)
})

t.test('"Use separate keys per environment (production vs. staging)"', async (t) => {
  const { page, row } = await signIn(t, keyTypes, 'ada')
  await row('read-write').waitFor()
  await page.getByLabel('Environment').selectOption('staging')
  await row('staging-read-write').waitFor()
  t.equal(await row('read-write').count(), 0)
})

t.test('"Scopes are selected when creating an API key.": every row of the tables of scopes', async (t) => {
  const { page, button, dialog } = await signIn(t, resourceActions, 'ada')
  await button('Create key').click()
  const shown: string[][] = []
  for (const resource of await dialog.locator('.resource').all()) {
    const scopes = await resource.locator('.scope').allInnerTexts()
    shown.push([await resource.locator('legend').innerText(), ...scopes.map((scope) => scope.replace('\n', ' '))])
  }
  t.same(shown, seedTable)
  t.same(await axeFaults(page), [])
})

t.test('"The write scope does not include read access—if you need both, select both"; "manage always includes everything"', async (t) => {
  const { button, dialog, row, ask, submit } = await signIn(t, resourceActions, 'ada')
  const box = (scope: string) => dialog.getByRole('checkbox', { name: new RegExp(`^${scope}`) })
  await button('Create key').click()
  await dialog.getByLabel('Name').fill('devices')
  await box('devices:write').check()
  t.equal(await box('devices:read').isChecked(), false)
  await box('devices:read').check()
  await box('devices:manage').check()
  const rounds = collectRounds()
  for (const scope of ['read', 'provision', 'write', 'delete']) {
    rounds.add([await box(`devices:${scope}`).isChecked(), await box(`devices:${scope}`).isDisabled()], [true, true], scope)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(await box('releases:read').isChecked(), false)
  const secret = await submit('Create key')
  t.match(await row('devices').innerText(), /devices:manage\s+production/)
  t.equal((await ask(secret, '/v1/devices')).statusCode, 200)
})

t.test('"grant the least amount of access possible": nothing is chosen at first, and nobody is offered more than is granted', async (t) => {
  const { button, dialog } = await signIn(t, resourceActions, 'bela')
  await button('Create key').click()
  t.equal(await dialog.getByRole('checkbox', { checked: true }).count(), 0)
  await dialog.getByLabel('Name').fill('x')
  await dialog.getByRole('button', { name: 'Create key' }).click()
  await dialog.getByText('Choose at least one scope.').waitFor()
  const scopes = await dialog.locator('.scope code').allInnerTexts()
  t.same(scopes.filter((scope) => !scope.endsWith(':read') && !scope.startsWith('devices:')), [])
  t.equal(scopes.length, 6 + 5)
})

t.test('no page had an error in its console, or asked another host', async (t) => {
  t.same(complaints.flat(), [])
})
