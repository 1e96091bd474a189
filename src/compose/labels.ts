/** The labels by which a project's things are known again, by us and by Docker's Compose alike. */

const prefix = "com.docker.compose.";

export const labels = {
  project: `${prefix}project`,
  service: `${prefix}service`,
  number: `${prefix}container-number`,
  oneoff: `${prefix}oneoff`,
  slug: `${prefix}slug`,
  configHash: `${prefix}config-hash`,
  image: `${prefix}image`,
  dependsOn: `${prefix}depends_on`,
  workingDir: `${prefix}project.working_dir`,
  configFiles: `${prefix}project.config_files`,
  environmentFile: `${prefix}project.environment_file`,
  version: `${prefix}version`,
  network: `${prefix}network`,
  volume: `${prefix}volume`,
  replace: `${prefix}replace`,
} as const;

/** The release of Docker's Compose whose labels, names and hashes these are. */
export const composeVersion = "2.40.3";

/** A user's labels that would be taken for ours are not passed on. */
export function ownLabels(given: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith(prefix)));
}
