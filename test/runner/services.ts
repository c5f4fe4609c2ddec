import { findChromium, findPostgres, findProgram } from './find-program.js'

/** Something that tests need and npm does not bring. */
export interface Service {
  readonly name: string
  /** File in `test/helpers/`: whoever imports it needs the service. None: only the bench does. */
  readonly helper?: string
  /** What is missing of it on this machine. */
  missing (): string[]
  /** What npm has to install for it, which takes too long for `npm test`. */
  readonly installs?: string
  /** Packages that bring it. */
  readonly debian: readonly string[]
  readonly fedora: readonly string[]
  readonly macos: readonly string[]
}

const lacks = (...programs: readonly string[]) => () => programs.filter((program) => findProgram(program) === undefined)

/** Programs of every Linux, which start and end the servers. Postgres does not run as root. */
const starters = ['sh', 'env', 'pkill', ...process.getuid?.() === 0 ? ['runuser'] : []]

export const services: readonly Service[] = [
  {
    name: 'Redis',
    helper: 'redis-server',
    missing: lacks('redis-server', ...starters),
    debian: ['redis-server', 'procps'],
    fedora: ['redis', 'procps-ng'],
    macos: ['redis']
  },
  {
    name: 'Redis Sentinel and Cluster',
    helper: 'redis-fleets',
    missing: lacks('redis-sentinel', 'redis-cli'),
    debian: ['redis-sentinel', 'redis-tools'],
    fedora: ['redis'],
    macos: ['redis']
  },
  {
    name: 'Postgres',
    helper: 'postgres',
    missing: () => [...findPostgres() === undefined ? ['postgres'] : [], ...lacks(...starters)()],
    debian: ['postgresql', 'procps'],
    fedora: ['postgresql-server', 'procps-ng'],
    macos: ['postgresql@17']
  },
  {
    name: 'PgBouncer',
    helper: 'bouncer',
    missing: lacks('pgbouncer'),
    debian: ['pgbouncer'],
    fedora: ['pgbouncer'],
    macos: ['pgbouncer']
  },
  {
    name: 'Chromium',
    helper: 'browser',
    missing: () => findChromium() === undefined ? ['chromium'] : [],
    debian: ['chromium'],
    fedora: ['chromium'],
    macos: ['--cask chromium']
  },
  {
    name: 'curl',
    helper: 'curl',
    missing: lacks('curl'),
    debian: ['curl'],
    fedora: ['curl'],
    macos: ['curl']
  },
  {
    name: 'wrk',
    missing: lacks('wrk'),
    debian: ['wrk'],
    fedora: ['wrk'],
    macos: ['wrk']
  },
  {
    name: 'Consumers of the package',
    helper: 'consumer',
    missing: () => [],
    installs: 'the packages that they install',
    debian: [],
    fedora: [],
    macos: []
  }
]
