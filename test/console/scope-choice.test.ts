import t from 'tap'
import { chooseRung, includer, isLadder, presetOf, toggle, type Resource } from '../../lib/console/element/scope-choice.js'

function resource (name: string, scopes: Readonly<Record<string, readonly string[]>>): Resource {
  return { resource: name, title: name, scopes: Object.entries(scopes).map(([scope, includes]) => ({ scope, permissions: [], includes: [...includes] })) }
}

const devices = resource('devices', { 'devices:read': [], 'devices:write': [], 'devices:manage': ['devices:read', 'devices:write'] })
const levels = resource('', { Read: [], Write: ['Read'], Admin: ['Read', 'Write'] })
const resources = [devices, levels]

t.test('levels are a ladder, of which one rung is chosen; resources, single scopes and unordered scopes are none', async (t) => {
  t.same([levels, devices, resource('', { all: [] }), resource('', { a: [], b: [] })].map(isLadder), [true, false, false, false])
  t.same(chooseRung(levels, ['devices:read', 'Read'], 'Admin'), ['devices:read', 'Admin'])
})

t.test('a chosen scope takes the place of what it includes', async (t) => {
  t.same(toggle(resources, ['Read'], 'devices:read'), ['Read', 'devices:read'])
  t.same(toggle(resources, ['devices:read', 'devices:write'], 'devices:manage'), ['devices:manage'])
  t.same(toggle(resources, ['devices:manage'], 'devices:manage'), [])
  t.same(toggle(resources, [], 'unknown'), ['unknown'])
  t.equal(includer(resources, ['devices:manage'], 'devices:read'), 'devices:manage')
  t.equal(includer(resources, ['devices:read', 'unknown'], 'devices:read'), undefined)
})

t.test('a preset is chosen where exactly its scopes are', async (t) => {
  const presets = [{ name: 'Read-only', scopes: ['a', 'b'] }, { name: 'All', scopes: ['a', 'b', 'c'] }]
  t.same([['b', 'a'], ['a', 'b', 'c'], ['a', 'c'], []].map((chosen) => presetOf(presets, chosen)), ['Read-only', 'All', undefined, undefined])
})
