import type { CallerView } from '../../management/index.js'

export type Resource = CallerView['scopes'][number]
export type Preset = CallerView['presets'][number]

/** Scopes of which each includes all before it, such as Read, Write, Admin: a person chooses one. */
export function isLadder ({ resource, scopes }: Resource): boolean {
  return resource === '' && scopes.length > 1 && scopes.every(({ includes }, i) =>
    scopes.slice(0, i).every(({ scope }) => includes.includes(scope)))
}

/** Chooses a scope, or lets go of it; what a chosen scope includes is not chosen by itself. */
export function toggle (resources: readonly Resource[], chosen: readonly string[], scope: string): readonly string[] {
  if (chosen.includes(scope)) return chosen.filter((one) => one !== scope)
  const included = includedBy(resources, scope)
  return [...chosen.filter((one) => !included.includes(one)), scope]
}

/** Chooses one rung of a ladder in the place of the others. */
export function chooseRung (ladder: Resource, chosen: readonly string[], scope: string): readonly string[] {
  return [...chosen.filter((one) => !ladder.scopes.some((rung) => rung.scope === one)), scope]
}

/** The chosen scope that includes this one already. */
export function includer (
  resources: readonly Resource[], chosen: readonly string[], scope: string
): string | undefined {
  return chosen.find((one) => one !== scope && includedBy(resources, one).includes(scope))
}

function includedBy (resources: readonly Resource[], scope: string): readonly string[] {
  return resources.flatMap(({ scopes }) => scopes).find((one) => one.scope === scope)?.includes ?? []
}

/** The preset of exactly these scopes. */
export function presetOf (presets: readonly Preset[], chosen: readonly string[]): string | undefined {
  const isSame = ({ scopes }: Preset) =>
    scopes.length === chosen.length && scopes.every((one) => chosen.includes(one))
  return presets.find(isSame)?.name
}
