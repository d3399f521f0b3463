/** `file:` URLs and paths. */

/** The path of a `file:` URL on this system. */
export function fromFileUrl(url: URL): string {
  return decodeURIComponent(url.pathname.replace(/^\/(?=[A-Za-z]:)/, ""));
}

/** The `file:` URL of a folder. */
export function toFileUrl(folder: string): URL {
  return new URL(`file://${folder.startsWith("/") ? "" : "/"}${encodeURI(folder.replaceAll("\\", "/"))}/`);
}
