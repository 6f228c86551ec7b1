/** Everything the page says, in English and Korean, and which of the two it says now. */

const LANGUAGES = ["en", "ko"];
const STORED = "ecg.language";

/** key → [English, Korean]; `{name}` is filled in by `t`. */
const STRINGS = {
  "app.title": ["ECG: expressive captions", "ECG: 표정이 있는 자막"],
  "app.home": ["ECG, to your videos", "ECG, 내 영상으로"],
  "app.skip": ["Skip to content", "본문으로 건너뛰기"],
  "app.language": ["Language of this page", "페이지 언어"],
  "app.signOut": ["Sign out", "로그아웃"],
  "app.starting": ["Opening…", "여는 중…"],
  "app.more": ["and {count} more", "그 밖에 {count}개"],
  "app.retry": ["Try again", "다시 시도"],
  "app.notFound": ["There is no such page", "페이지를 찾을 수 없습니다"],
  "app.toLibrary": ["Your videos", "내 영상"],

  "account.signIn": ["Sign in", "로그인"],
  "account.signUp": ["Create account", "계정 만들기"],
  "account.signInTitle": ["Welcome back", "다시 오신 것을 환영합니다"],
  "account.signUpTitle": ["Create your account", "계정을 만드세요"],
  "account.toSignUp": ["New here?", "처음이신가요?"],
  "account.toSignIn": ["Already have an account?", "이미 계정이 있으신가요?"],
  "account.email": ["Email", "이메일"],
  "account.password": ["Password", "비밀번호"],
  "account.username": ["Name (optional)", "이름 (선택)"],
  "account.passwordHint": ["At least 8 characters", "8자 이상"],
  "account.expired": ["You have been signed out. Please sign in again.", "로그아웃되었습니다. 다시 로그인해 주세요."],
  "account.google": ["Sign in with Google", "Google로 로그인"],
  "account.refused": ["Signing in with Google did not work. Please try again.",
    "Google 로그인에 실패했습니다. 다시 시도해 주세요."],
  "account.refused.CONFLICT": ["You have an account with this email address. Please sign in with its password.",
    "이 이메일로 만든 계정이 있습니다. 비밀번호로 로그인해 주세요."],
  "account.refused.FORBIDDEN": ["Google has not verified your email address. Please sign in with a password.",
    "Google에서 확인되지 않은 이메일입니다. 비밀번호로 로그인해 주세요."],
  "account.pitch": [
    "Upload a spoken video. Get captions coloured by speaker, lit word by word, sized and weighted by the voice.",
    "말이 담긴 영상을 올리세요. 화자마다 색이 다르고, 말하는 순간 단어가 켜지며, 목소리에 따라 크기와 굵기가 바뀌는 자막을 만듭니다.",
  ],
  "account.who": ["who speaks", "누가 말하는지"],
  "account.when": ["when each word is spoken", "각 단어를 언제 말하는지"],
  "account.how": ["how it is said", "어떻게 말하는지"],

  "library.title": ["Your videos", "내 영상"],
  "library.count": ["{count} in all", "모두 {count}개"],
  "library.empty": ["No videos yet", "아직 영상이 없습니다"],
  "library.emptyHint": [
    "Drop a spoken video or a sound file above. A short clip takes less than a minute.",
    "말이 담긴 영상이나 음성 파일을 위에 놓으세요. 짧은 클립은 1분이면 됩니다.",
  ],
  "library.delete": ["Delete {name}", "{name} 삭제"],
  "library.deleteSure": ["Delete this video, its captions and its renders?", "이 영상과 자막, 렌더링을 모두 삭제할까요?"],
  "library.more": ["Show more", "더 보기"],

  "delete.yes": ["Delete", "삭제"],
  "delete.no": ["Keep", "유지"],

  "upload.drop": ["Drop videos or sound files here", "영상이나 음성 파일을 여기에 놓으세요"],
  "upload.choose": ["Choose files", "파일 선택"],
  "upload.limit": ["MP4, MOV, WebM, MP3, WAV … up to {size}", "MP4, MOV, WebM, MP3, WAV … 최대 {size}"],
  "upload.link": ["Or a link: a file, or a video’s page", "또는 파일이나 영상 페이지 링크"],
  "upload.fetch": ["Fetch", "가져오기"],
  "upload.language": ["Spoken language", "음성 언어"],
  "upload.waiting": ["Waiting", "대기 중"],
  "upload.sending": ["Uploading", "업로드 중"],
  "upload.checking": ["Checking", "확인 중"],
  "upload.done": ["Uploaded", "업로드 완료"],
  "upload.failed": ["Upload failed", "업로드 실패"],
  "upload.stop": ["Stop uploading {name}", "{name} 업로드 중지"],
  "upload.dismiss": ["Dismiss {name}", "{name} 닫기"],
  "upload.progress": ["Upload of {name}", "{name} 업로드"],
  "upload.tooLarge": ["This file has {size}; the most is {limit}. Choose a smaller one.",
    "파일 크기가 {size}입니다. 최대 {limit}까지 올릴 수 있으니 더 작은 파일을 고르세요."],
  "upload.emptyFile": ["This file is empty. Choose another one.", "빈 파일입니다. 다른 파일을 고르세요."],

  "language.auto": ["Detect", "자동 감지"],
  "language.en": ["English", "영어"],
  "language.ko": ["Korean", "한국어"],
  "language.ja": ["Japanese", "일본어"],
  "language.zh": ["Chinese", "중국어"],

  "status.uploading": ["Upload not finished", "업로드 미완료"],
  "status.ready": ["Not analysed", "분석 전"],
  "status.queued": ["Waiting", "대기 중"],
  "status.running": ["Working", "작업 중"],
  "status.done": ["Captions ready", "자막 완성"],
  "status.failed": ["Failed", "실패"],
  "status.cancelled": ["Cancelled", "취소됨"],

  "job.analysisTitle": ["Listening to your video", "영상을 듣고 있습니다"],
  "job.percent": ["Progress", "진행률"],
  "job.cancel": ["Cancel", "취소"],
  "job.step.fetch": ["Fetch the media", "영상 내려받기"],
  "job.step.ingest": ["Receive and check the media", "영상 받기와 확인"],
  "job.step.prosody": ["Measure loudness and pitch", "소리 크기와 음높이 측정"],
  "job.step.diarize": ["Tell speakers apart", "화자 구분"],
  "job.step.transcribe": ["Transcribe the speech", "음성을 텍스트로 변환"],
  "job.step.merge": ["Put the captions together", "자막 구성"],
  "job.step.prepare": ["Prepare the picture", "화면 준비"],
  "job.step.chunk": ["Draw the captions", "자막 그리기"],
  "job.step.assemble": ["Join picture and sound", "영상과 소리 합치기"],
  "job.state.done": ["done", "완료"],
  "job.state.running": ["working", "작업 중"],
  "job.state.waiting": ["waiting", "대기"],
  "job.state.ready": ["waiting", "대기"],
  "job.state.failed": ["failed", "실패"],
  "job.state.cancelled": ["cancelled", "취소됨"],
  "job.leave": ["You can close this page; the work goes on.", "페이지를 닫아도 작업은 계속됩니다."],
  "job.analyse": ["Make captions", "자막 만들기"],
  "job.notAnalysed": ["This video has no captions yet.", "아직 자막이 없는 영상입니다."],
  "job.notUploaded": ["The upload of this file was never finished. Delete it and upload it again.",
    "업로드가 끝나지 않은 파일입니다. 삭제한 뒤 다시 올려 주세요."],
  "job.another": ["Upload another file", "다른 파일 올리기"],
  "job.cancelledTitle": ["Cancelled", "취소되었습니다"],
  "job.cancelledHint": ["Nothing was kept of the work so far. You can start again.",
    "지금까지의 작업은 남지 않았습니다. 다시 시작할 수 있습니다."],

  "video.back": ["All videos", "전체 영상"],
  "video.original": ["The video without captions", "자막 없는 원본 영상"],
  "video.loading": ["Loading…", "불러오는 중…"],
  "video.soundOnly": ["sound only", "음성만"],
  "video.captioned": ["{name} with captions", "자막이 있는 {name}"],
  "video.engine": ["Engine: {engine}", "엔진: {engine}"],
  "video.fromFile": ["Words from a caption file ({format})", "자막 파일에서 가져온 텍스트 ({format})"],
  "video.draft": ["Draft quality: offline engine", "초안 품질: 오프라인 엔진"],
  "video.draftHint": [
    "The built-in engine needs no download and makes more mistakes than a Whisper model.",
    "내장 엔진은 다운로드가 필요 없지만 Whisper 모델보다 오류가 많습니다.",
  ],
  "video.notes": ["Notes on this analysis", "분석 참고 사항"],
  "video.reanalyse": ["Make captions again", "자막 다시 만들기"],
  "video.captionsFailed": ["The captions cannot be shown", "자막을 표시할 수 없습니다"],

  "play.play": ["Play", "재생"],
  "play.pause": ["Pause", "일시 정지"],
  "play.position": ["Position", "재생 위치"],
  "play.mute": ["Mute", "음소거"],
  "play.unmute": ["Unmute", "음소거 해제"],
  "play.fullscreen": ["Full screen", "전체 화면"],
  "play.captions": ["Captions", "자막"],
  "play.unplayable": ["Your browser cannot play this file, but it can still be rendered to MP4.",
    "브라우저에서 재생할 수 없는 파일이지만 MP4로 렌더링할 수 있습니다."],

  "style.title": ["Style", "스타일"],
  "style.strength": ["Strength", "세기"],
  "style.strengthHint": ["0 is plain captions", "0은 일반 자막입니다"],
  "style.name.intention": ["Intention", "인텐션"],
  "style.name.broadcast": ["Broadcast", "방송"],
  "style.name.karaoke": ["Karaoke", "노래방"],
  "style.name.minimal": ["Minimal", "미니멀"],
  "style.name.pop": ["Pop", "팝"],
  "style.name.prosody": ["Prosody", "억양"],
  "style.about.intention": ["The voice shapes every word", "목소리에 따라 단어가 변합니다"],
  "style.about.broadcast": ["Two plain lines, no motion", "움직임 없는 두 줄 자막"],
  "style.about.karaoke": ["Colour sweeps along each word", "말하는 대로 색이 차오릅니다"],
  "style.about.minimal": ["Small, still and plain", "작고 차분한 자막"],
  "style.about.pop": ["Large words, a few at a time", "큰 단어를 조금씩 보여 줍니다"],
  "style.about.prosody": ["Melody in weight and height", "굵기와 높이로 억양을 그립니다"],
  "style.own": ["Your own", "내 스타일"],
  "style.delete": ["Delete the style {title}", "스타일 {title} 삭제"],
  "style.deleteSure": [
    "Delete “{title}”? Videos rendered in it stay.",
    "‘{title}’을(를) 삭제할까요? 렌더링한 영상은 그대로 남습니다.",
  ],
  "style.keep": ["Save as my style", "내 스타일로 저장"],
  "style.titleOfOwn": ["Name of your style", "내 스타일 이름"],
  "style.keepHint": ["The style chosen above, as strong as it is now", "위에서 고른 스타일을 지금의 세기로 저장합니다"],
  "style.replaces": ["This replaces your style of that name", "같은 이름의 내 스타일을 바꿉니다"],
  "style.save": ["Save", "저장"],
  "style.keepNot": ["Cancel", "취소"],
  "style.kept": ["“{title}” is saved and chosen", "‘{title}’ 스타일을 저장하고 선택했습니다"],

  "speakers.title": ["Speakers", "화자"],
  "speakers.name": ["Speaker {number}", "화자 {number}"],
  "speakers.share": ["{time} of speech", "말한 시간 {time}"],

  "transcript.title": ["Transcript", "대본"],
  "transcript.words": ["{count} words", "단어 {count}개"],
  "transcript.hint": ["Click a word to hear it; with the keyboard, ← and → go from word to word.",
    "단어를 누르면 그 위치부터 들립니다. 키보드에서는 ← → 로 단어 사이를 이동합니다."],
  "transcript.from": ["Play from {time}", "{time}부터 재생"],

  "mark.repetition": ["Repeats itself; it may not have been said", "같은 말이 되풀이됩니다. 실제로 말한 것이 아닐 수 있습니다"],
  "mark.credit": ["Sounds like subtitle credits; it may not have been said", "자막 제작 문구처럼 보입니다. 실제로 말한 것이 아닐 수 있습니다"],
  "mark.no_speech": ["Perhaps nobody speaks here", "여기에는 말소리가 없을 수 있습니다"],
  "mark.low_confidence": ["Recognised with little certainty", "인식이 불확실합니다"],
  "mark.low_alignment": ["Words that fit badly to the sound", "소리와 잘 맞지 않는 단어가 있습니다"],
  "mark.estimated_time": ["Times of words estimated", "단어 시간을 추정했습니다"],
  "mark.shortened": ["A word reached over a silence and was shortened", "침묵 위로 늘어난 단어를 줄였습니다"],
  "mark.script_insertion": ["Said, but not in the script", "대본에 없는 말"],
  "mark.script_omission": ["In the script, but not said", "대본에 있지만 말하지 않은 단어"],
  "mark.script_substitution": ["Something else is said for", "다르게 말한 단어"],

  "plot.title": ["Voice", "목소리"],
  "plot.loudness": ["Loudness", "소리 크기"],
  "plot.pitch": ["Pitch", "음높이"],
  "plot.asText": ["As text", "글로 보기"],
  "plot.alt": ["Loudness and pitch over {time}.", "{time} 동안의 소리 크기와 음높이."],
  "plot.loudnessSpan": ["Loudness of speech runs from {low} to {high} dBFS, with a median of {median}.",
    "말소리 크기는 {low}~{high} dBFS이고 중앙값은 {median}입니다."],
  "plot.pitchSpan": ["Pitch runs from {low} to {high} Hz, with a median of {median}.",
    "음높이는 {low}~{high} Hz이고 중앙값은 {median}입니다."],
  "plot.noPitch": ["No voiced sound was found.", "유성음을 찾지 못했습니다."],
  "plot.median": ["Median pitch", "중앙 음높이"],
  "plot.level": ["Median loudness", "중앙 소리 크기"],
  "plot.spoken": ["Speech", "말한 시간"],

  "render.title": ["Video with captions", "자막 영상"],
  "render.size": ["Size", "크기"],
  "render.size.source": ["As the source ({width} × {height})", "원본 크기 ({width} × {height})"],
  "render.size.1080": ["1080p ({width} × {height})", "1080p ({width} × {height})"],
  "render.size.720": ["720p ({width} × {height})", "720p ({width} × {height})"],
  "render.size.vertical": ["Vertical (1080 × 1920)", "세로 (1080 × 1920)"],
  "render.size.square": ["Square (1080 × 1080)", "정사각형 (1080 × 1080)"],
  "render.fps": ["Frame rate", "프레임 속도"],
  "render.fps.source": ["Source", "원본"],
  "render.fps.value": ["{fps} fps", "{fps} fps"],
  "render.quality": ["Quality", "화질"],
  "render.quality.60": ["Small file", "작은 파일"],
  "render.quality.80": ["Standard", "표준"],
  "render.quality.95": ["Best", "최고"],
  "render.layout": ["Picture of another shape", "화면 비율이 다를 때"],
  "render.layout.fit": ["Whole, with bars", "전체 표시 (여백)"],
  "render.layout.fill": ["Fill, edges cut off", "꽉 채우기 (가장자리 잘림)"],
  "render.layout.blur": ["Whole, over a blurred copy", "전체 표시 (흐린 배경)"],
  "render.file": ["File", "파일"],
  "render.file.mp4": ["MP4, plays everywhere", "MP4 (어디서나 재생)"],
  "render.file.webm": ["WebM (VP9)", "WebM (VP9)"],
  "render.file.mov": ["MOV", "MOV"],
  "render.file.overlay-mov": ["Captions alone, for editors (ProRes 4444)", "자막만, 편집용 (ProRes 4444)"],
  "render.file.overlay-webm": ["Captions alone, for editors (WebM)", "자막만, 편집용 (WebM)"],
  "render.start": ["Render video", "영상 렌더링"],
  "render.none": ["Your finished videos will be listed here.", "완성된 영상이 여기에 표시됩니다."],
  "render.list": ["Renders", "렌더링 목록"],
  "render.working": ["Rendering", "렌더링 중"],
  "render.watch": ["Watch", "보기"],
  "render.hide": ["Hide", "숨기기"],
  "render.download": ["Download", "다운로드"],
  "render.made": ["Rendered {date}", "{date} 렌더링"],
  "render.figures": ["{frames} frames in {wall_s} s ({encoder}), {drawn} of them drawn anew, {memory} MB of memory",
    "{frames}프레임, {wall_s}초 ({encoder}), 새로 그린 프레임 {drawn}, 메모리 {memory}MB"],
  "render.player": ["The rendered video", "렌더링된 영상"],

  "files.title": ["Captions as a file", "자막 파일"],
  "files.hint": ["In the style and strength chosen", "지금 고른 스타일과 세기로 내려받습니다"],
  "files.for.srt": ["YouTube, players", "유튜브, 재생기"],
  "files.for.vtt": ["Web pages", "웹 페이지"],
  "files.for.ass": ["Editors, karaoke", "편집기, 노래방"],
  "files.for.ttml": ["Broadcasters", "방송사"],
  "files.for.txt": ["To read", "읽기용 텍스트"],
  "files.for.json": ["ECG scenario", "ECG 시나리오"],

  "captions.choose": ["Use a caption file", "자막 파일 사용"],
  "captions.hint": ["With an SRT or WebVTT file, its words replace these.",
    "SRT나 WebVTT 파일을 고르면 그 텍스트로 자막을 다시 만듭니다."],
  "captions.tooLarge": ["This file has {size}; the most is {limit}. Is it a caption file?",
    "파일 크기가 {size}입니다. 자막 파일은 최대 {limit}까지 사용할 수 있습니다."],
  "captions.notUtf8": [
    "This file is not text in UTF-8. Open it in a text editor, save it with the encoding UTF-8, and choose it again.",
    "UTF-8 텍스트 파일이 아닙니다. 텍스트 편집기에서 열어 UTF-8 인코딩으로 저장한 뒤 다시 골라 주세요.",
  ],

  "quality.title": ["Readability", "가독성"],
  "quality.profile": ["Limits of", "기준"],
  "quality.profile.ecg": ["ECG", "ECG"],
  "quality.profile.netflix": ["Netflix", "넷플릭스"],
  "quality.profile.bbc": ["BBC", "BBC"],
  "quality.some": ["{share} of {count} captions keep to every limit", "자막 {count}개 중 {share}가 모든 기준을 지킵니다"],
  "quality.all": ["All captions ({count}) keep to every limit", "자막 {count}개가 모두 기준을 지킵니다"],
  "quality.severity.error": ["{count} broken", "위반 {count}개"],
  "quality.severity.warning": ["{count} to check", "확인 {count}개"],
  "quality.rule.reading_speed": ["Reading speed", "읽기 속도"],
  "quality.rule.word_rate": ["Words a minute", "분당 단어 수"],
  "quality.rule.word_time": ["Time per word", "단어당 시간"],
  "quality.rule.line_length": ["Length of lines", "줄 길이"],
  "quality.rule.line_count": ["Number of lines", "줄 수"],
  "quality.rule.min_duration": ["Too short on screen", "짧은 표시 시간"],
  "quality.rule.max_duration": ["Too long on screen", "긴 표시 시간"],
  "quality.rule.gap": ["Gap between captions", "자막 사이 간격"],
  "quality.rule.contrast": ["Contrast", "명암비"],
  "quality.rule.color_difference": ["Colours of speakers", "화자 색 구분"],
  "quality.rule.flashes": ["Flashing", "깜박임"],

  "error.title": ["Something went wrong", "문제가 발생했습니다"],
  "error.network": ["The server cannot be reached. Check your connection and try again.",
    "서버에 연결할 수 없습니다. 인터넷 연결을 확인하고 다시 시도해 주세요."],
  "error.answer": ["The server gave an answer this page does not understand ({status}).",
    "서버의 응답을 이해할 수 없습니다 ({status})."],
  "error.title.INVALID_MEDIA": ["This file cannot be captioned", "자막을 만들 수 없는 파일입니다"],
  "error.title.LANGUAGE_UNSUPPORTED": ["This language is not available here", "여기서 지원하지 않는 언어입니다"],
  "error.title.TIMEOUT_ERROR": ["It took too long", "시간이 너무 오래 걸렸습니다"],
  "error.title.QUOTA_EXCEEDED": ["Your allowance is used up", "사용 한도를 모두 썼습니다"],
  "error.title.RENDER_PROOF_FAILED": ["The video did not pass the check", "영상이 검사를 통과하지 못했습니다"],
  "error.title.NOT_FOUND": ["It is not here", "찾을 수 없습니다"],
  "error.title.NETWORK": ["No connection", "연결되지 않음"],
  "error.do": ["Try again. If it fails once more, tell whoever runs this server the code above.",
    "다시 시도해 보세요. 또 실패하면 위의 코드를 서버 관리자에게 알려 주세요."],
  "error.do.INVALID_MEDIA": ["Upload a video or sound file in which someone speaks, such as MP4, MOV, WebM, MP3 or WAV.",
    "MP4, MOV, WebM, MP3, WAV처럼 말소리가 담긴 영상이나 음성 파일을 올려 주세요."],
  "error.do.LANGUAGE_UNSUPPORTED": ["Choose another language, or ask for an engine that knows this one.",
    "다른 언어를 고르거나 이 언어를 지원하는 엔진을 요청하세요."],
  "error.do.ENGINE_UNAVAILABLE": ["Whoever runs this server can install the engine; `ecg doctor` says how.",
    "서버 관리자가 엔진을 설치해야 합니다. `ecg doctor`가 방법을 알려 줍니다."],
  "error.do.QUOTA_EXCEEDED": ["Your finished videos stay here and can be downloaded meanwhile.",
    "완성된 영상은 그대로 남아 있으며 언제든 내려받을 수 있습니다."],
  "error.quota.day": ["You have started {limit} renders today, which is the most. The next one can start after {time}.",
    "오늘 렌더링 한도 {limit}개를 모두 썼습니다. {time} 이후에 다시 시작할 수 있습니다."],
  "error.quota.month": [
    "You have started {limit} renders this month, which is the most. The next one can start after {time}.",
    "이번 달 렌더링 한도 {limit}개를 모두 썼습니다. {time} 이후에 다시 시작할 수 있습니다."],
  "error.quota.at_once": ["Only {limit} renders may be at work at once. Wait until one is done, or cancel one.",
    "렌더링은 동시에 {limit}개까지 할 수 있습니다. 하나가 끝날 때까지 기다리거나 취소해 주세요."],
  "error.quota.kept": ["Your videos may take {limit} together. Delete one that you no longer need, then send this one.",
    "영상은 모두 합쳐 {limit}까지 보관할 수 있습니다. 필요 없는 영상을 지운 뒤 다시 올려 주세요."],
  "error.do.NETWORK": ["Check your connection, then try again.", "인터넷 연결을 확인한 뒤 다시 시도해 주세요."],
  "error.do.NOT_FOUND": ["It may have been deleted, or it belongs to another account.",
    "삭제되었거나 다른 계정의 항목일 수 있습니다."],
};

let current = preferred();

/** A text that is put into words at the moment it is shown, so that it follows the language. */
export class Message {
  constructor(render) {
    this.render = render;
  }

  toString() {
    return String(this.render());
  }
}

/** The string of `key`, with `{name}` filled from `values` (strings, numbers or Messages). */
export function t(key, values = {}) {
  if (!has(key)) throw new Error(`There is no string ${key}.`);
  return new Message(() => STRINGS[key][LANGUAGES.indexOf(current)]
    .replace(/\{(\w+)\}/g, (_, name) => String(values[name])));
}

/** Whether `key` is a string, for keys made of data such as error codes. */
export function has(key) {
  return Object.hasOwn(STRINGS, key);
}

/** The text of a `{en, ko}` object that the server sent. */
export function bilingual(texts) {
  return new Message(() => texts[current] ?? texts.en ?? "");
}

/** The language shown now: `en` or `ko`. */
export function language() {
  return current;
}

/** Show another language from now on, and remember it. */
export function setLanguage(next) {
  current = next;
  localStorage.setItem(STORED, next);
}

function preferred() {
  const wish = localStorage.getItem(STORED) ?? navigator.language.slice(0, 2).toLowerCase();
  return LANGUAGES.includes(wish) ? wish : "en";
}
