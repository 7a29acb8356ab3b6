// A new channel: its form, checked by the server while it is filled in.

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useRef, useState } from "react";
import { useChannelsChanged } from "../../api/channels";
import { useApp } from "../../api/context";
import { type Placed, place, problemOf } from "../../api/errors";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import type { KindWord } from "../../api/words";
import { EMPTY, type Path, type Values, toMessage } from "../../domain/channel";
import { en } from "../../messages/en";
import { Sheet } from "../../parts/dialog";
import { done } from "../../parts/toast";
import { CONTROLS, DestinationFields, ErrorSummary, FilterFields, NameFields } from "../channel/fields";
import { SecretShown } from "../channel/secret";

interface Props {
  readonly team: string;
  readonly kind: KindWord;
  readonly onClose: () => void;
  readonly onMade: (channel: Channel) => void;
}

const NOTHING: Placed = { fields: new Map(), rest: [] };

interface Made {
  readonly channel: Channel;
  readonly secret: string;
}

export function CreateChannel({ team, kind, onClose, onMade }: Props): ReactNode {
  const { clients } = useApp();
  const changed = useChannelsChanged(team);
  const [values, setValues] = useState<Values>(EMPTY);
  const [placed, setPlaced] = useState<Placed>(NOTHING);
  const [made, setMade] = useState<Made | null>(null);
  const touched = useRef(new Set<string>());
  const request = (validateOnly: boolean) =>
    clients.channels.createChannel({ teamId: team, channel: toMessage(values, kind), validateOnly });
  const refuse = (error: unknown, only?: ReadonlySet<string>) => {
    const problem = problemOf(error);
    const found = place(problem.violations, "channel", CONTROLS);
    if (!only) {
      const rest = problem.violations.length === 0 ? [{ path: "", text: problem.text }] : found.rest;
      setPlaced({ fields: found.fields, rest });
      return;
    }
    setPlaced({ fields: new Map([...found.fields].filter(([path]) => [...only].some((one) => path.startsWith(one)))), rest: [] });
  };
  const create = useMutation({
    mutationFn: () => request(false),
    // The secret is not to stay in the cache.
    gcTime: 0,
    onSuccess: async ({ channel, signingSecret, warnings }) => {
      await changed();
      if (!channel) return;
      done(en.form.made(channel.displayName), warnings.join(" "));
      if (signingSecret === "") onMade(channel);
      else setMade({ channel, secret: signingSecret });
      create.reset();
    },
    onError: (error) => refuse(error),
  });
  const check = async () => {
    try {
      await request(true);
      setPlaced(NOTHING);
    } catch (error) {
      refuse(error, touched.current);
    }
  };
  const set = <P extends Path>(path: P, value: Values[P]) => {
    touched.current.add(path);
    setValues((before) => ({ ...before, [path]: value }));
  };
  if (made) return <SecretShown secret={made.secret} onStored={() => onMade(made.channel)} />;
  const form = { team, values, set, errors: placed.fields, onLeave: () => void check() };
  return (
    <Sheet open onClose={onClose} title={en.channels.create[kind]} description={en.channels.about[kind]} wide={kind === "webhook"} firm={values !== EMPTY}>
      <form
        className="grid gap-4"
        noValidate
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <ErrorSummary errors={placed.rest.length > 0 ? placed.fields : new Map()} rest={placed.rest} />
        <NameFields {...form} />
        <DestinationFields {...form} kind={kind} />
        {kind === "webhook" ? (
          <FilterFields
            team={team}
            path="webhook.filter"
            filter={values["webhook.filter"]}
            errors={placed.fields}
            onChange={(next) => set("webhook.filter", next)}
            onLeave={() => void check()}
          />
        ) : null}
        <div className="dialog-foot">
          <button type="button" className="btn" onClick={onClose}>
            {en.cancel}
          </button>
          <button type="submit" className="btn btn-primary" disabled={create.isPending}>
            {create.isPending ? en.form.creating : en.form.create}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
