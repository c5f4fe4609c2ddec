/** What a release is made of. */
export interface Release {
  readonly manifest: { readonly version: string, readonly repository?: { readonly type?: string, readonly url?: string } }
  readonly changelog: string
  readonly security: string
  /** Such as `v1.2.3`, where it is known. */
  readonly tag?: string
}

/** What still keeps a release from being published, as sentences. */
export function missing ({ manifest, changelog, security, tag }: Release): string[] {
  const { version, repository } = manifest
  const found: string[] = []
  if (!/^git\+https:\/\/.+\.git$/.test(repository?.url ?? '')) {
    found.push('package.json has no repository: write { "type": "git", "url": "git+https://….git" }; npm compares it with where the package is built')
  }
  if (security.includes('to be filled in by the owner')) found.push('SECURITY.md: fill in the address for reports and the time of an answer')
  const heading = new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\] - \\d{4}-\\d\\d-\\d\\d$`, 'm')
  if (!heading.test(changelog)) found.push(`CHANGELOG.md has no heading "## [${version}] - YYYY-MM-DD"`)
  const [, unreleased = ''] = /^## \[Unreleased\]\n(.*?)(?=^## \[)/ms.exec(changelog) ?? []
  if (unreleased.trim() !== '') found.push('CHANGELOG.md: move what is below "Unreleased" to the heading of the version')
  if (tag !== undefined && tag !== `v${version}`) found.push(`the tag is ${tag}, and package.json has version ${version}: they must agree`)
  return found
}
