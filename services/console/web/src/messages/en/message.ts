export const test = {
  title: "Send a test",
  text: "A made-up event, sent at once by the same code as a real one. It changes neither health nor digests.",
  textOf: "This event, sent at once to one channel by the same code as a real one, and marked as a test. It changes neither health nor digests nor alerts.",
  channel: "Channel",
  type: "Event type",
  recipient: "Recipient",
  send: "Send test",
  sending: "Sending…",
  went: "Delivered.",
  wentNot: "Not delivered.",
  again: "Send again",
};

export const mail = {
  part: "Part",
  parts: { html: "As mail", text: "As text" },
};

export const preview = {
  title: "As a message",
  text: "Made by the code that sends. Nothing is sent.",
  ask: "As a message…",
  all: "Preview the messages",
  to: "To",
  people: "People, by email",
  example: "Example of a type",
  back: "Back to the example",
  json: { slackJson: "Block Kit", teamsJson: "Adaptive card" },
  body: "Body",
  signed: "Signed with a secret that is the same for everybody, to try a receiver’s check on:",
};
