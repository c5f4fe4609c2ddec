import { hash } from 'node:crypto'
import { fillTime, unitTime } from '../algorithms.js'
import type { CompiledPolicy } from '../policy.js'

export interface EncodedPolicies {
  /** A list of policies as the take script reads it. */
  readonly text: string
  /** One of them counts all principals of a workspace together. */
  readonly shared: boolean
}

/** By list: those of profiles stay the same. */
const cache = new WeakMap<readonly CompiledPolicy[], EncodedPolicies>()

export function encodePolicies (policies: readonly CompiledPolicy[]): EncodedPolicies {
  const known = cache.get(policies)
  if (known !== undefined) return known
  const encoded = { text: policies.map(encode).join(''), shared: policies.some(isShared) }
  cache.set(policies, encoded)
  return encoded
}

function encode (policy: CompiledPolicy): string {
  const [first, second] = numbersOf(policy)
  return `${policy.kind.charAt(0)}${isShared(policy) ? 'w' : '-'}${fieldOf(policy.id)}${first} ${second} `
}

function numbersOf (policy: CompiledPolicy): [number, number] {
  return policy.kind === 'bucket' ? [unitTime(policy), fillTime(policy)] : [policy.quota, policy.window * 1_000_000]
}

function isShared ({ partition }: CompiledPolicy): boolean {
  return partition === 'workspace'
}

/** 48 bits: enough, since one credential meets few policies in its life. */
function fieldOf (id: string): string {
  return hash('sha256', id, 'base64url').slice(0, 8)
}
