/** A place in the line of those who change one thing. */
export interface Turn {
  /** Resolves when it is this one's turn, with whether others came before; never where it has ended before. */
  readonly begun: Promise<boolean>
  /** Lets the next one go on; from a place in the line, leaves it. */
  end (): void
}

/** In this process, changes of one thing come one after another. */
export interface Turns {
  /** @param first whether to wait for nobody: those who wait do so until this has ended */
  take (name: string, first?: boolean): Turn
}

interface Line {
  /** Turns that have begun; more than one only where some wait for nobody. */
  busy: number
  readonly waiting: Set<Place>
}

interface Place { begin?: () => void }

export function createTurns (): Turns {
  const lines = new Map<string, Line>()

  function leave (name: string, line: Line): void {
    line.busy--
    if (line.busy > 0) return
    const [next] = line.waiting
    if (next === undefined) lines.delete(name)
    else begin(line, next)
  }

  function begin (line: Line, next: Place): void {
    line.waiting.delete(next)
    line.busy++
    next.begin?.()
  }

  return {
    take (name, first = false) {
      const line = lines.get(name) ?? { busy: 0, waiting: new Set() }
      lines.set(name, line)
      const waits = !first && line.busy > 0
      const place: Place = {}
      const begun = waits ? new Promise<boolean>((resolve) => { place.begin = () => resolve(true) }) : Promise.resolve(false)
      if (waits) line.waiting.add(place)
      else line.busy++
      let ended = false
      return {
        begun,
        end () {
          if (ended) return
          ended = true
          if (!line.waiting.delete(place)) leave(name, line)
        }
      }
    }
  }
}
