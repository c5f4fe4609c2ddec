import { hash } from 'node:crypto'
import { fillTime, unitTime } from '../algorithms.js'
import type { CompiledPolicy } from '../policy.js'

const texts = new WeakMap<readonly CompiledPolicy[], string>()

/** A list of policies as the script reads it. Written once for lists that stay, as those of profiles do. */
export function encodePolicies (policies: readonly CompiledPolicy[]): string {
  const known = texts.get(policies)
  if (known !== undefined) return known
  const text = policies.map(terms).join('')
  texts.set(policies, text)
  return text
}

export function sharesWorkspace (policies: readonly CompiledPolicy[]): boolean {
  for (const { partition } of policies) if (partition === 'workspace') return true
  return false
}

function terms ({ id, quota, window, capacity, partition, kind }: CompiledPolicy): string {
  const [first, second] = kind === 'bucket' ? [unitTime({ quota, window }), fillTime({ quota, window, capacity })] : [quota, window * 1_000_000]
  return `${kind.charAt(0)}${partition === 'workspace' ? 'w' : '-'}${fieldOf(id)}${first} ${second} `
}

/** 48 bits: the policies that one credential meets in its life are few. */
function fieldOf (id: string): string {
  return hash('sha256', id, 'base64url').slice(0, 8)
}
