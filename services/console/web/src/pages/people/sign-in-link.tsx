// A link that signs a member in for a while: shown once, with its end and what it may do. It is in no cache.

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useApp } from "../../api/context";
import type { Member } from "../../api/gen/watchbell/config/v1/member_pb";
import { nameOf } from "../../api/members";
import { millis, toDuration } from "../../api/times";
import * as en from "../../messages/en";
import { CopyButton } from "../../parts/copy";
import { Sheet } from "../../parts/dialog";
import { NO_ERRORS, placed } from "../../parts/errors";
import { MINUTE, minute, plain } from "../../parts/format";
import { FormDialog } from "../../parts/form-dialog";
import { SelectField } from "../../parts/inputs";
import { Toggle } from "../../parts/toggle";

interface Props {
  readonly team: string;
  readonly member: Member;
  readonly onClose: () => void;
}

interface Link {
  readonly url: string;
  readonly end: number | null;
  readonly readOnly: boolean;
}

const LASTS = [5, 15, 30, 60] as const;
const CONTROLS = ["ttl"];

export function SignInLink({ team, member, onClose }: Props): ReactNode {
  const { clients } = useApp();
  const [minutes, setMinutes] = useState<(typeof LASTS)[number]>(15);
  const [readOnly, setReadOnly] = useState(false);
  const [errors, setErrors] = useState(NO_ERRORS);
  const [link, setLink] = useState<Link | null>(null);
  const name = plain(nameOf(member));
  const make = useMutation({
    mutationFn: () => clients.teams.createPortalSession({ teamId: team, memberId: member.id, readOnly, ttl: toDuration(minutes * MINUTE) }),
    // The link is not to stay in the cache.
    gcTime: 0,
    onSuccess: ({ url, expireTime }) => {
      setLink({ url, end: millis(expireTime), readOnly });
      make.reset();
    },
    onError: (error) => setErrors(placed(error, "", CONTROLS)),
  });
  const does = (isReadOnly: boolean) => (isReadOnly ? en.signInLink.reads : en.signInLink.does(en.people.roles[member.role] ?? en.unknown(member.role)));
  if (link) {
    return (
      <Sheet open onClose={onClose} title={en.signInLink.shown(name)} description={en.signInLink.shownText} firm>
        <div className="flex items-center gap-2">
          <code className="code min-w-0 flex-1 wrap-anywhere" aria-label={en.signInLink.link}>
            {link.url}
          </code>
          <CopyButton text={link.url} />
        </div>
        <p>{does(link.readOnly)}</p>
        {link.end === null ? null : <p>{en.signInLink.ends(minute(link.end))}</p>}
        <div className="dialog-foot">
          <button type="button" className="btn btn-primary" onClick={onClose}>
            {en.signInLink.taken}
          </button>
        </div>
      </Sheet>
    );
  }
  return (
    <FormDialog
      title={en.signInLink.title(name)}
      description={en.signInLink.text}
      firm={false}
      errors={errors}
      busy={make.isPending}
      verb={[en.form.create, en.form.creating]}
      onSubmit={() => make.mutate()}
      onClose={onClose}
    >
      <SelectField
        label={en.signInLink.lasts}
        hint={en.signInLink.lastsHint}
        path="ttl"
        errors={errors.fields}
        options={LASTS}
        word={en.signInLink.minutes}
        value={minutes}
        onChange={setMinutes}
      />
      <Toggle label={en.signInLink.readOnly} hint={does(readOnly)} checked={readOnly} onChange={setReadOnly} />
    </FormDialog>
  );
}
