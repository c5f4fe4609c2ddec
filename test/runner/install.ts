import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { findProgram } from './find-program.js'
import type { Service } from './services.js'

/** Installs what is missing where apt-get may be used without a question; elsewhere it prints what to type. @returns whether all is there */
export function install (services: readonly Service[]): boolean {
  const lacking = () => services.filter((service) => service.missing().length > 0)
  if (lacking().length === 0) return true
  const packages = packagesOf(lacking(), 'debian')
  const asRoot = rights()
  if (findProgram('apt-get') !== undefined && asRoot !== undefined) {
    console.log(`Installing by apt-get: ${packages}`)
    const apt = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-o', 'Acquire::Retries=3']
    withoutStarting(() => {
      run([...apt, 'update', '-qq'])
      run([...apt, 'install', '-y', '-qq', '--no-install-recommends', ...packages.split(' ')])
    })
  }
  const left = lacking()
  if (left.length === 0) return true
  for (const service of left) console.log(`FAILED: ${service.name} needs ${service.missing().join(', ')}`)
  console.log(['Install it, then run this again:',
    `  Debian, Ubuntu: sudo apt-get install -y --no-install-recommends ${packagesOf(left, 'debian')}`,
    `  Fedora:         sudo dnf install -y ${packagesOf(left, 'fedora')}`,
    `  macOS:          brew install ${packagesOf(left, 'macos')}`].join('\n'))
  return false
}

function packagesOf (services: readonly Service[], system: 'debian' | 'fedora' | 'macos'): string {
  return [...new Set(services.flatMap((service) => service[system]))].join(' ')
}

/** What comes before a command that root has to run; undefined where a password would be asked for. */
function rights (): string[] | undefined {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined
}

/** Debian starts a server's service when it installs it, unless this file says no. Only root can say so. */
function withoutStarting (work: () => void): void {
  const policy = '/usr/sbin/policy-rc.d'
  if (process.getuid?.() !== 0 || existsSync(policy)) return work()
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    work()
  } finally {
    rmSync(policy, { force: true })
  }
}

function run ([program = '', ...args]: readonly string[]): void {
  spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}
