export const band = { hours: ["00", "06", "12", "18"], end: (zone: string) => `24 ${zone}` };
