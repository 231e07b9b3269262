"""The configuration of the demo's Asterisk: a plain small PBX that includes dialplan/asterisk/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .lab import MOBILE

#: What dialplan/asterisk/pjsip.conf names in DYNAMIC_FEATURES, and two codes of a tenant's own.
FEATURES = (
    "tapeline-pause", "tapeline-resume", "tapeline-start", "tapeline-stop", "tapeline-record-on",
    "tapeline-record-off",
)  # fmt: skip
MORE_CODES = ("71", "72")

# Listed one by one: the boot takes a second and what is not needed cannot misbehave.
# app_mixmonitor needs func_periodic_hook, which needs app_chanspy, func_cut, func_groupcount and
# func_uri; without any of them it is silently absent.
_MODULES = """
app_chanspy app_confbridge app_dial app_directed_pickup app_echo app_exec app_mixmonitor app_playback
app_queue app_read app_stack app_userevent app_verbose
bridge_builtin_features bridge_holding bridge_native_rtp bridge_simple bridge_softmix
chan_pjsip codec_alaw codec_ulaw codec_gsm codec_resample format_gsm format_pcm format_sln format_wav
func_base64 func_callerid func_channel func_cut func_db func_devstate func_global func_groupcount func_logic
func_periodic_hook func_pjsip_aor func_pjsip_contact func_pjsip_endpoint func_rand func_strings func_timeout
func_uri pbx_config res_parking res_pjsip_one_touch_record_info
res_crypto res_format_attr_h264 res_format_attr_opus res_format_attr_vp8 res_musiconhold
res_pjproject res_pjsip res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_dtmf_info
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_header_funcs
res_pjsip_logger res_pjsip_messaging res_pjsip_nat res_pjsip_outbound_authenticator_digest res_pjsip_path
res_pjsip_pubsub
res_pjsip_refer res_pjsip_registrar res_pjsip_rfc3326 res_pjsip_sdp_rtp res_pjsip_session res_rtp_asterisk
res_sorcery_astdb res_sorcery_config res_sorcery_memory res_timing_timerfd
"""
_QUEUES = """[general]
[sales]
strategy=ringall
timeout=30
member => PJSIP/101
member => PJSIP/102
[support]
timeout=30
member => Local/103@internal
"""
_CONFBRIDGE = """[general]
[default_bridge]
type=bridge
[default_user]
type=user
quiet=yes
"""
_PARKING = """[general]
[default]
parkext => 7050
parkpos => 7101-7120
context => parkedcalls
parkingtime => 300
"""


#: What a Dial needs for calls to be recorded while the controller is away.
_ALONE = "B(tapeline-alone-caller^s^1)U(tapeline-alone)"


@dataclass(frozen=True, slots=True)
class Plan:
    """Every address and folder of one private Asterisk and the Kamailio in front of it."""

    folder: Path
    run: Path
    spool: Path
    prefix: Path
    modules: Path
    pieces: Path
    host: str
    sip_port: int
    front_port: int
    ami_port: int
    password: str
    system_name: str
    trunk_host: str
    trunk_port: int
    rtp_start: int
    users: Mapping[str, tuple[str, str]]


def write(plan: Plan) -> None:
    """Write every file into ``plan.folder``/etc; the operator's pieces are included, not copied."""
    etc = plan.folder / "etc"
    for folder in (etc, plan.folder / "var/keys", plan.folder / "log", plan.folder / "moh", plan.spool):
        folder.mkdir(parents=True, exist_ok=True)
    files = {
        "asterisk.conf": _asterisk(plan, etc),
        "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={m}.so\n" for m in _MODULES.split()),
        "logger.conf": f"[logfiles]\n{plan.folder}/log/full => notice,warning,error\n",
        "manager.conf": _manager(plan),
        "features.conf": _features(plan),
        "rtp.conf": f"[general]\nrtpstart={plan.rtp_start}\nrtpend={plan.rtp_start + 998}\nicesupport=no\n",
        "musiconhold.conf": f"[default]\nmode=files\ndirectory={plan.folder}/moh\n",
        "extensions.conf": _extensions(plan),
        "pjsip.conf": _pjsip(plan),
        "queues.conf": _QUEUES,
        "confbridge.conf": f'{_CONFBRIDGE}#include "{plan.pieces}/asterisk/confbridge.conf"\n{_own_menu()}',
        "res_parking.conf": _PARKING,
        "kamailio.cfg": _kamailio(plan),
    }
    for name in ("cdr", "cel", "ccss", "codecs", "indications", "stasis", "udptl", "acl", "dnsmgr", "http",
                 "sorcery", "pjproject", "cli", "cli_permissions"):  # fmt: skip
        files[f"{name}.conf"] = "" if name in ("pjproject", "acl") else "[general]\n"
    for name, text in files.items():
        (etc / name).write_text(text)
        (etc / name).chmod(0o600)


def _own_menu() -> str:
    """The same codes in a conference room."""
    entries = (f"*{code}=dialplan_exec(tapeline-conference,*{code},1)\n" for code in MORE_CODES)
    return "[tapeline_codes](+)\n" + "".join(entries)


def _asterisk(plan: Plan, etc: Path) -> str:
    share = plan.prefix / "usr/share/asterisk"
    return f"""[directories]
astetcdir => {etc}
astmoddir => {plan.modules}
astvarlibdir => {plan.folder}/var
astdbdir => {plan.folder}/var
astkeydir => {plan.folder}/var
astdatadir => {share}
astagidir => {plan.folder}/var
astspooldir => {plan.folder}/var
astrundir => {plan.run}
astlogdir => {plan.folder}/log
astsbindir => {plan.prefix}/usr/sbin
[options]
systemname={plan.system_name}
verbose=0
nocolor=yes
documentation_language=en_US
"""


def _manager(plan: Plan) -> str:
    return f"""[general]
enabled=yes
bindaddr={plan.host}
port={plan.ami_port}
#include "{plan.pieces}/asterisk/manager.conf"
[tapeline](+)
secret={plan.password}
"""


def _features(plan: Plan) -> str:
    """With two codes more, which mean something only to a tenant whose options name them."""
    more = "".join(
        f'tapeline-{code} => *{code},self,Gosub,"tapeline-feature,*{code},1"\n' for code in MORE_CODES
    )
    return f'[general]\n[applicationmap]\n{more}#include "{plan.pieces}/asterisk/features.conf"\n'


def _extensions(plan: Plan) -> str:
    by_tenant = "".join(
        f"exten => {number},1,Set(REC_TENANT={tenant})\n"
        f" same => n,Set(REC_INBOUND_RULE=main)\n same => n,Goto(internal,{number},1)\n"
        for number, (_, tenant) in plan.users.items()
    )
    more_codes = "".join(
        f"exten => *{code},1,UserEvent(TapelineFeature,Code: *{code})\n same => n,Goto(tapeline-heard,s,1)\n"
        for code in MORE_CODES
    )
    return f"""[general]
static=yes
writeprotect=yes
#include "{plan.pieces}/asterisk/extensions.conf"

[internal]
include => tapeline-codes
{more_codes}include => services
exten => _[1-7]XX,1,Dial(PJSIP/${{EXTEN}},60,{_ALONE})
 same => n,Hangup()
; the leg that is called came by the rule as well: two underscores hand the variable on to it
exten => _+X.,1,Set(__REC_OUTBOUND_RULE=mobile)
 same => n,Dial(PJSIP/${{EXTEN}}@trunk,60,{_ALONE})
 same => n,Hangup()
exten => _9X.,1,Set(__REC_OUTBOUND_RULE=mobile)
 same => n,Dial(PJSIP/${{EXTEN}}@trunk,60,{_ALONE})
 same => n,Hangup()
; a ring group through Local channels, as queues and follow-me make them
exten => 800,1,Dial(Local/102@internal&Local/103@internal,60,{_ALONE})
 same => n,Hangup()
; the same, and the Local channels stay
exten => 801,1,Dial(Local/102@internal/n,60,{_ALONE})
 same => n,Hangup()
; a dialplan that takes a group's name from what the caller wrote, line ends and all
exten => 7090,1,Set(REC_RING_GROUP=${{URIDECODE(${{PJSIP_HEADER(read,X-Route)}})}})
 same => n,Dial(PJSIP/102,60)
 same => n,Hangup()
; a script that asks for a pause on the bus, for the channel that runs it
exten => 850,1,Answer()
 same => n,Gosub(tapeline-request,s,1(pause-audio-recording))
 same => n,Hangup()

; the same numbers on every switch of the demo, for the users and for the trunk
[services]
include => parkedcalls
; a queue: app_queue's own events say which
exten => 7001,1,Answer()
 same => n,Gosub(tapeline-alone-caller,s,1)
 same => n,Queue(sales,,,,60,,tapeline-alone-queue)
 same => n,Hangup()
; a queue whose member is reached through a Local channel
exten => 7002,1,Answer()
 same => n,Gosub(tapeline-alone-caller,s,1)
 same => n,Queue(support,,,,60,,tapeline-alone-queue)
 same => n,Hangup()
; a ring group
exten => 7010,1,Set(REC_RING_GROUP=all)
 same => n,Dial(PJSIP/101&PJSIP/102&PJSIP/103,60,{_ALONE})
 same => n,Hangup()
; a virtual receptionist: 1 is for 101
exten => 7020,1,Set(REC_RECEPTIONIST=welcome)
 same => n,Answer()
 same => n,Read(CHOICE,,1,,1,20)
 same => n,GotoIf($["${{CHOICE}}" = "1"]?internal,101,1)
 same => n,Hangup()
; forwarded to somebody's mobile
exten => 7030,1,Goto(internal,{MOBILE},1)
; a conference room
exten => 7040,1,ConfBridge(7040,,,tapeline_codes)
 same => n,Hangup()
; 7050 parks (res_parking.conf), 7101 and on retrieve
; pickup of what rings at a colleague's
exten => *8,1,Pickup()
 same => n,Hangup()

[from-trunk]
; the number called says whose call it is
{by_tenant}
exten => _7XXX,1,Set(REC_TENANT=acme.test)
 same => n,Set(REC_INBOUND_RULE=main)
 same => n,Goto(services,${{EXTEN}},1)
"""


def _pjsip(plan: Plan) -> str:
    text = f"""#include "{plan.pieces}/asterisk/pjsip.conf"
[global]
type=global
endpoint_identifier_order=ip,username
default_realm=acme.test
[udp]
type=transport
protocol=udp
bind={plan.host}:{plan.sip_port}
[common](!)
type=endpoint
disallow=all
allow=ulaw,alaw,h264
direct_media=no
dtmf_mode=auto
rtp_timeout=300
rtp_timeout_hold=3600
bind_rtp_to_media_address=yes
media_address={plan.host}
[phone](!,common,tapeline-phone)
set_var=DYNAMIC_FEATURES={"#".join((*FEATURES, *(f"tapeline-{code}" for code in MORE_CODES)))}
context=internal
rtp_symmetric=yes
outbound_proxy=sip:{plan.host}:{plan.front_port}\\;lr
[trunk](common,tapeline-trunk)
context=from-trunk
aors=trunk
from_domain=trunk.test
[trunk]
type=aor
contact=sip:{plan.trunk_host}:{plan.trunk_port}
[trunk]
type=identify
endpoint=trunk
match={plan.trunk_host}
"""
    tenants = dict.fromkeys(tenant for _, tenant in plan.users.values())
    groups = {tenant: number for number, tenant in enumerate(tenants, 1)}
    for number, (password, tenant) in plan.users.items():
        text += f"""
[{number}](phone)
call_group={groups[tenant]}
pickup_group={groups[tenant]}
auth={number}
aors={number}
callerid=User {number} <{number}>
set_var=REC_TENANT={tenant}
set_var=REC_USER={number}
[{number}]
type=auth
auth_type=userpass
username={number}
password={password}
[{number}]
type=aor
max_contacts=1
remove_existing=yes
"""
    return text


def _kamailio(plan: Plan) -> str:
    return f"""#!KAMAILIO
#!define TAPELINE_LISTEN udp:{plan.host}:{plan.front_port}
#!define TAPELINE_SWITCH "sip:{plan.host}:{plan.sip_port}"
#!define TAPELINE_SWITCH_IP "{plan.host}"
#!define TAPELINE_SWITCH_PORT {plan.sip_port}
include_file "{plan.pieces}/kamailio/front.cfg"
"""
