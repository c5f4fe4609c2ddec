import { copyKey, type ApiKey } from '../record.js'
import type { DueKey, KeyNotices } from '../store.js'

interface Stored { readonly key: ApiKey }

interface Notice {
  /** Infinity for none. */
  at: number
  held: DueKey | undefined
  noticed: readonly string[]
}

/** A key's instant, as it was when this was queued: one that has another by now is passed over. */
interface Queued { readonly at: number, readonly stored: Stored }

/** Keeps nothing before somebody asks what is due. @param all keys that there are */
export function createMemoryNotices (all: () => Iterable<Stored>): { readonly notices: KeyNotices, touch (stored: Stored): void } {
  let known: Map<Stored, Notice> | undefined
  const queue: Queued[] = []
  const byId = new Map<string, Stored>()

  function noticeOf (stored: Stored, notices: Map<Stored, Notice>): Notice {
    const found = notices.get(stored)
    if (found !== undefined) return found
    const notice = { at: Infinity, held: undefined, noticed: [] }
    notices.set(stored, notice)
    byId.set(stored.key.id, stored)
    return notice
  }

  function move (stored: Stored, notice: Notice, at: number): void {
    if (notice.at === at) return
    notice.at = at
    if (at !== Infinity) push(queue, { at, stored })
  }

  function touch (stored: Stored): void {
    if (known === undefined) return
    const notice = noticeOf(stored, known)
    if (notice.held === undefined) move(stored, notice, 0)
  }

  function begin (): Map<Stored, Notice> {
    known = new Map()
    for (const stored of all()) touch(stored)
    return known
  }

  return {
    touch,
    notices: {
      due (now, lease, limit) {
        const notices = known ?? begin()
        const given: DueKey[] = []
        for (let first = queue[0]; first !== undefined && first.at <= now && given.length < limit; first = queue[0]) {
          const { at, stored } = pop(queue, first)
          const notice = noticeOf(stored, notices)
          if (notice.at !== at) continue
          notice.held = { key: copyKey(stored.key), noticed: notice.noticed, leasedUntil: now + lease }
          move(stored, notice, now + lease)
          given.push(notice.held)
        }
        return given
      },
      settle (held, noticed, next = Infinity) {
        const stored = byId.get(held.key.id)
        const notice = stored && known?.get(stored)
        if (stored === undefined || notice?.held?.leasedUntil !== held.leasedUntil) return false
        notice.held = undefined
        notice.noticed = [...noticed]
        move(stored, notice, stored.key.version === held.key.version ? next : 0)
        return true
      }
    }
  }
}

function push (heap: Queued[], added: Queued): void {
  let i = heap.push(added) - 1
  for (let above = (i - 1) >> 1; i > 0; above = (i - 1) >> 1) {
    const parent = heap[above]
    if (parent === undefined || parent.at <= added.at) break
    heap[i] = parent
    i = above
  }
  heap[i] = added
}

/** Takes the first one away. */
function pop (heap: Queued[], first: Queued): Queued {
  const last = heap.pop()
  if (last === undefined || last === first) return first
  let i = 0
  for (;;) {
    let below = 2 * i + 1
    let child = heap[below]
    const other = heap[below + 1]
    if (child !== undefined && other !== undefined && other.at < child.at) {
      below++
      child = other
    }
    if (child === undefined || child.at >= last.at) break
    heap[i] = child
    i = below
  }
  heap[i] = last
  return first
}
