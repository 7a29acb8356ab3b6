export interface CatalogSearch {
  /** What the names are searched for. */
  find?: string;
  /** The type that is open. */
  open?: string;
}

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

export function readCatalog(search: Record<string, unknown>): CatalogSearch {
  const [find, open] = [text(search.find), text(search.open)];
  return { ...(find === undefined ? {} : { find }), ...(open === undefined ? {} : { open }) };
}
