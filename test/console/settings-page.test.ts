import { readFile } from 'node:fs/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import Fastify, { type FastifyServerOptions } from 'fastify'
import { elementScript, settingsPage, type SettingsPageOptions } from 'fastify-latchkey/console'
import t from 'tap'
import { relativeUrl } from '../../lib/console/relative-url.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { refused, untyped } from '../helpers/limits.js'
import { keptLog } from '../helpers/contracts.js'
import { ada, startSettings } from '../helpers/settings.js'

async function host (options: Partial<SettingsPageOptions> = {}, prefix = '/settings', fastify: FastifyServerOptions = {}) {
  const app = Fastify(fastify)
  t.teardown(() => app.close())
  await app.register(settingsPage, { prefix, keys: '/settings/api-keys', session: () => ada, ...options })
  return app
}

t.test('the page refers to what it needs by relative URLs, has a strict policy, and is not kept', async (t) => {
  const { app } = await startSettings(t)
  const page = await app.inject('/settings/')
  t.equal(page.statusCode, 200)
  t.match(page.headers, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'content-security-policy': /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';.* frame-ancestors 'none'; require-trusted-types-for 'script'/
  })
  t.notMatch(page.headers['content-security-policy'], /unsafe|https?:|\*/)
  t.match(page.body, /<latchkey-keys base-url="api-keys"><\/latchkey-keys>/)
  t.match(page.body, '<bdi>Ada Okafor</bdi>')
  t.notMatch(page.body, /<script(?! type="module" src="element-[0-9a-f]{16}\.js"><\/script>)|<style|style=|\son\w+=|Sign out/)
})

t.test('its script and style have names of their content, are kept for good, and are compressed where a browser asks', async (t) => {
  const app = await host()
  const { body } = await app.inject('/settings/')
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [, name = ''] of body.matchAll(/(?:src|href)="((?:element|page)-[^"]+)"/g)) {
    const plain = await app.inject(`/settings/${name}`)
    patterns.add(plain.headers, { 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding', 'x-content-type-options': 'nosniff', 'content-type': name.endsWith('.js') ? 'text/javascript; charset=utf-8' : 'text/css; charset=utf-8' })
    rounds.add(Boolean(plain.headers['content-encoding']), false)
    const small = await app.inject({ url: `/settings/${name}`, headers: { 'accept-encoding': 'br, gzip' } })
    rounds.add(small.headers['content-encoding'], 'gzip')
    rounds.add(gunzipSync(small.rawPayload).toString(), plain.body)
    rounds.add(Boolean((await app.inject({ url: `/settings/${name}`, headers: { 'accept-encoding': 'gzip;q=0' } })).headers['content-encoding']), false)
    rounds.add((await app.inject(`/settings/${name.replace(/-.{4}/, '-0000')}`)).statusCode, 404)
    if (name.endsWith('.js')) {
      rounds.add(gzipSync(plain.body).length <= 60_000, true, `${gzipSync(plain.body).length} bytes`)
      rounds.add(/\beval\(|new Function|https?:\/\/(?!www\.w3\.org)/.test(String(plain.body)), false, 'no eval, and no other host')
      patterns.add(plain.body, '//# sourceMappingURL=element.js.map')
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  const [, said] = /module of about (\d+) kB/.exec(await readFile('docs/settings-page.md', 'utf8')) ?? []
  const [, script = ''] = /src="(element-[^"]+)"/.exec(body) ?? []
  t.ok(Math.abs(Number(said) - gzipSync((await app.inject(`/settings/${script}`)).body).length / 1000) < 2, 'the docs say its size')
  t.match((await app.inject('/settings/element.js.map')).json(), { version: 3 })
})

t.test('without the slash a browser is sent to it, so that references of the page mean its folder', async (t) => {
  const app = await host()
  const rounds = collectRounds()
  for (const [url, location] of [['/settings', './settings/'], ['/settings?tab=webhooks&x=1', './settings/?tab=webhooks'], ['/settings?workspace=a%20b&code=secret&environment=e', './settings/?workspace=a+b&environment=e']] as const) {
    const answer = await app.inject(url)
    rounds.add([answer.statusCode, answer.headers.location], [308, location])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('where the prefix ends with a parameter, its value sends a browser to no other server', async (t) => {
  const app = await host({}, '/settings/:workspace')
  const rounds = collectRounds()
  for (const name of ['http:evil.example', 'javascript:alert(1)']) {
    const { statusCode, headers } = await app.inject(`/settings/${name}`)
    const { origin, pathname } = new URL(String(headers.location), `https://host.example/settings/${name}`)
    rounds.add([statusCode, origin, pathname.startsWith('/settings/')], [308, 'https://host.example', true])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('webhooks have a tab of their own where the host names their routes: a link with a URL, of which one is current', async (t) => {
  const one = await host()
  const patterns = collectRounds()
  for (const url of ['/settings/', '/settings/?tab=webhooks']) {
    patterns.add((await one.inject(url)).body, /<\/header>\n<latchkey-settings>\n<main>\n<latchkey-keys /, 'without the option there are no tabs')
  }
  const app = await host({ webhooks: '/settings/webhooks', strings: { title: 'API <Tokens>' } })
  const keys = await app.inject('/settings/')
  t.match(keys.body, '<nav class="tabs" aria-label="Settings"><a href="./" aria-current="page">API &lt;Tokens&gt;</a><a href="./?tab=webhooks">Webhooks</a></nav>')
  t.match(keys.body, '<latchkey-keys base-url="api-keys" ')
  for (const url of ['/settings/?tab=webhooks', '/settings/?x=1&tab=webhooks']) {
    const { body } = await app.inject(url)
    patterns.add(body, '<a href="./">API &lt;Tokens&gt;</a><a href="./?tab=webhooks" aria-current="page">Webhooks</a>')
    patterns.add(body, '<latchkey-webhooks base-url="webhooks" strings="')
    patterns.add(body.includes('<latchkey-keys'), false)
  }
  t.match(patterns.seen, patterns.expected)
  t.match((await app.inject('/settings/?tab=lost')).body, '<latchkey-keys ')
  const { body } = await app.inject('/settings/?tab=webhooks&workspace=%22w%22&environment=sandbox&x=1')
  t.match(body, '<a href="./?workspace=%22w%22&amp;environment=sandbox">')
  t.match(body, '<a href="./?tab=webhooks&amp;workspace=%22w%22&amp;environment=sandbox" aria-current="page">')
  t.match(body, '<latchkey-webhooks base-url="webhooks" workspace="&quot;w&quot;" environment="sandbox" strings="')
})

t.test('whoever is not signed in is sent to sign in, or reads that it is needed', async (t) => {
  const led = await (await host({ session: async () => null, signIn: '/sign-in' })).inject('/settings/')
  t.equal(led.statusCode, 303)
  t.match(led.headers, { location: '../sign-in', 'cache-control': 'no-store' })
  const told = await (await host({ session: () => untyped({ kind: 'nobody' }), title: 'Acme' })).inject('/settings/')
  t.equal(told.statusCode, 401)
  t.match(told.body, /<h1>Acme<\/h1><p>Sign in to see this page\.<\/p>/)
  t.notMatch(told.body, 'latchkey-keys')
  t.match(told.headers['content-security-policy'], "default-src 'none'")
})

t.test('a session that fails is a page that says to try again, and a line of the log', async (t) => {
  const patterns = collectRounds()
  for (const session of [() => { throw new Error('no database') }, async () => await Promise.reject(new Error('no database'))]) {
    const log = keptLog()
    const answer = await (await host({ session, title: 'Acme' }, '/settings', { logger: log.logger })).inject('/settings/')
    patterns.add([answer.statusCode, answer.headers], [503, { 'retry-after': '1', 'cache-control': 'no-store', 'content-type': 'text/html; charset=utf-8', 'content-security-policy': /^default-src 'none'/ }])
    patterns.add(answer.body, /<h1>Acme<\/h1><p>This page can’t be shown right now\. Try again in a moment\.<\/p>/)
    patterns.add(log.text(), /"level":50.*"reason":"Error","msg":"settingsPage: the session of the host failed/)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('what a host says is text on the page, and its paths are relative', async (t) => {
  const app = await host({
    title: '<b>"Acme" & Sons\'</b>', strings: { title: '<i>Tokens</i>' }, signIn: '/sign-in', signOut: '/sign-out', stylesheet: '/brand.css', lang: 'de-CH', session: () => ({ ...ada, owner: '<u>Ada' })
  }, '/org/settings')
  const { body } = await app.inject('/org/settings/')
  t.match(body, '<html lang="de-CH">')
  t.match(body, '<title>&lt;b&gt;&quot;Acme&quot; &amp; Sons&#39;&lt;/b&gt;</title>')
  t.match(body, '<bdi>&lt;u&gt;Ada</bdi>')
  t.match(body, '<a href="../../sign-out">Sign out</a>')
  t.match(body, '<link rel="stylesheet" href="../../brand.css">')
  t.match(body, '<latchkey-keys base-url="../../settings/api-keys" sign-in-url="../../sign-in" strings="{&quot;title&quot;:&quot;&lt;i&gt;Tokens&lt;/i&gt;&quot;}">')
  const { owner, ...nameless } = ada
  t.notMatch((await (await host({ session: () => nameless })).inject('/settings/')).body, '<bdi>')
})

t.test('references from a page to other paths', async (t) => {
  const rounds = collectRounds()
  for (const [from, to, expected] of [
    ['/settings/', '/settings/api-keys', 'api-keys'],
    ['/settings/', '/api-keys', '../api-keys'],
    ['/', '/api-keys', 'api-keys'],
    ['/a/b/', '/a/c/d', '../c/d'],
    ['/a/', '/a/', './'],
    ['/a/', '/', '../'],
    ['/a/', '/a/b:c', './b:c'],
    ['/a/', 'https://x.example/y', 'https://x.example/y'],
    ['/a/', '//x.example/y', '//x.example/y']
  ] as const) {
    rounds.add(relativeUrl(from, to), expected)
    rounds.add(new URL(expected, `https://host.example${from}`).href, new URL(to, 'https://host.example').href)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the element alone has a fixed name, and browsers ask whether it has changed', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(elementScript, { prefix: '/assets' })
  const first = await app.inject('/assets/element.js')
  t.match(first.headers, { 'cache-control': 'no-cache', 'content-type': 'text/javascript; charset=utf-8', etag: /^"[0-9a-f]{16}"$/ })
  const again = await app.inject({ url: '/assets/element.js', headers: { 'if-none-match': String(first.headers.etag) } })
  t.same([again.statusCode, again.body, again.headers.etag], [304, '', first.headers.etag])
  t.equal((await app.inject({ url: '/assets/element.js', headers: { 'if-none-match': '"other"' } })).statusCode, 200)
  t.match((await app.inject('/assets/element.js.map')).json(), { version: 3 })
})

t.test('options are checked at boot', async (t) => {
  const patterns = collectRounds()
  for (const [options, message] of [
    [{ keys: 'api-keys' }, /option settingsPage\.keys must be the path of keyRoutes, such as '\/settings\/api-keys', not "api-keys"/],
    [{ webhooks: 'webhooks' }, /option settingsPage\.webhooks must be the path of webhookRoutes, such as '\/settings\/webhooks', not "webhooks"/],
    [{ session: true }, /option settingsPage\.session must be a function of the request/],
    [{ strings: { titel: 'x' } }, /unknown option settingsPage\.strings\.titel/],
    [{ lang: 'not a tag' }, /option settingsPage\.lang must be a language tag/],
    [{ colour: 'red' }, /unknown option settingsPage\.colour/]
  ] as const) patterns.add(await rejection(host(untyped(options))), { name: 'OptionError', message })
  t.match(patterns.seen, patterns.expected)
})

t.test('whoever is signed in is not counted by address, nor are script and style; whoever is not is', async (t) => {
  const { app, host } = await startSettings(t, { access: { limits: { anonymous: [{ name: 'anonymous', quota: 2, window: 60 }] } } })
  const { body } = await app.inject('/settings/')
  const rounds = collectRounds()
  const urls = [...body.matchAll(/(?:src|href)="((?:element|page)-[^"]+)"/g)].map(([, name = '']) => `/settings/${name}`)
  for (const url of ['/settings/', ...urls, '/settings/api-keys', '/settings/api-keys/caller']) rounds.add((await app.inject(url)).statusCode, 200, url)
  host.person = null
  for (const [url, left] of [['/settings/', 1], ['/settings/api-keys', 0]] as const) {
    const { statusCode, headers } = await app.inject(url)
    rounds.add([statusCode, headers.ratelimit], [401, `"anonymous";r=${left};t=60`], url)
  }
  for (const url of ['/settings/', '/settings/api-keys']) refused(t, await app.inject(url), { status: 429, code: 'RATE_LIMITED', retryAfter: 60 })
  rounds.add((await app.inject(urls[0] ?? '')).statusCode, 200, 'files are still served')
  host.person = ada
  rounds.add((await app.inject('/settings/')).statusCode, 200)
  t.ok(urls.length >= 2)
  t.strictSame(rounds.seen, rounds.expected)
})
