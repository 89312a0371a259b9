"""Templates of what people write at work: tickets, mail, news, specifications; knows no words' use.

A line is a label as in `everyday_judged`, a blank and a sentence. `{a|b}` is one of what stands
between the bars, `{name}` a word of the list of that name in `everyday_words`. None of the lines
is a sentence that is held out.
"""

from typing import Final

WORK: Final = """\
- {The|My|Our} {screen} {hangs|crashes|goes blank|freezes|breaks} {when|every time|whenever} {I act}
- {The|Your} {feature} {does not work|is broken|fails|stopped working|is down} {again|since {day}|}
- I {cannot|can't|am unable to} {open|find|use|reach|load|install} {my|the} {file}
- {we} get {an error|error {number}|a blank page|a timeout} {when|whenever} {we|I} try to {do it}
- {Nothing happens|An error appears|The browser crashes} when I {click|press} {save|send|pay|print}
- {The|Your} {update|patch|latest version} {broke|deleted|messed up|erased} {my|all our} {files}
- {My|Our} {files} {are gone|have vanished|were lost|got corrupted|were deleted} after the {update}
- {we} {was|were} {billed|charged} {twice|the wrong amount|for nothing|without notice}
- {we} {have been|are} waiting for {an answer|a reply|a refund|help} {for weeks|since {day}}
- No {answer|reply|reaction|news} from you {so far|yet|for {number} days}, this is {bad}
- {Still|Once again} {no|not a single} {reply|progress|refund|delivery}
- {The|Every} {file} {is|comes out|arrives} {damaged|garbled|incomplete|blurred|empty}
- The {feature} {keeps failing|times out all the time|is painfully slow|has been down for hours}
- {This|It} is {urgent|critical}, {our shop|the whole team|production} {is down|cannot work}
- {The same bug|That fault} {is back|has returned|keeps coming back} {again|}
- I am {locked out|shut out} of my {account}
- {My password|The code|The key} {is rejected|is not accepted|no longer works}
- {The|Our} {machine} {makes a terrible noise|leaks|overheats|gets stuck|jams|will not start}
- {we} {have lost|lost} {a day|hours} of work {because of|to} this {bug|fault|mess}
- {The|your} {new design|new menu|form} is {confusing|a step back|hard to read|a mess}
- {we} {ordered|paid for} {number} and {got|received} {only one|none|half of them}
0 {Please|Could you|Can you} {add|move|remove|rename|restore|assign} {name} {to|from} the {list}
0 {Please|Kindly} {send|give} {me|us} {access to|a copy of|the link to} the {file}
0 {How|Where} {can|do} {I|we} {change|find|download|export|set} {my|the} {file}?
0 {Which|What} {version|plan|browser|format|port} {do you support|do I need|should I choose}?
0 {Is|Was} the {feature} {available|part of the plan|included|enabled} {in|for} {place}?
0 {Does|Will} the {feature} {run|work} {on|with} {a Mac|Linux|a tablet|version {number}}?
0 {we} {would like|want} to {add|order|book|rent|reserve} {number} {seats|licences|rooms|copies}
0 {we} {use|run|have} {version {number}|the basic plan|the web version} on {Linux|a Mac|a phone}
0 {The|This} {ticket|case|request} {concerns|is about|refers to} the {feature}
0 {The|This} {ticket|request} {was|has been} {assigned|forwarded|moved} to {name}
0 {I have attached|Attached is|Here is|Enclosed is} {the|a} {file}
0 {The|Our} {backup|job|export|import} {runs|starts} {every night|at {number}|on {day}}
0 {Please|You can} {close|reopen|update} the {ticket|case} {on {day}|after the call|}
0 {We|Our team} {has|have} {number} {users|desks|offices|computers} in {place}
0 {we} need {a copy of the {file}|an invoice for {month}|{number} more licences}
0 {Asking|I write|I am calling} about {the {file}|your prices|your address|the opening times}
+ {It|Everything|The {feature}} works {again|now|perfectly now|like a charm}, {thank you|thanks}
+ {Thanks|Thank you} for {the quick help|fixing this|your patience|the fast reply|sorting it out}
+ {That|This|Your advice} {solved|fixed|cured} {it|the problem|my problem|the issue}
+ {Your|The} {support|team|help desk} {is|was} {great|fast|superb|first class|so kind}
+ {Solved|Fixed|Answered|Done} {within minutes|in no time|right away}, {great|excellent} {job|work}
+ {The|Your} {update|new version|new design} is {a big step forward|so much better|a joy}
+ {we} {love|really like|enjoy} the new {feature}
+ {The|Your} {feature} {saves|has saved} us {hours|days|a lot of work}
+ {name} {was|has been} {very helpful|a great help|patient and kind|friendly and competent}
+ {No more|Never again} {crashes|errors|timeouts}, {great|wonderful|finally}
+ {The bug|The problem|That error} {is gone|has been fixed|is solved}, {great|thanks}
0 {Please|Kindly} {find|see} the {file} {attached|below|enclosed}
0 {we} {will|shall} {send|forward|bring|post} {you|them} the {file} {on {day}|next week|by mail}
0 {The|Our} {meeting} {takes place|is|starts|will be held} {on {day}|at {number}|in room {number}}
0 {The|Our} {meeting} {was|has been} moved {to {day}|from {number} to {number}|to room {number}}
0 {Could|Can|Shall} we {meet|talk|speak|move it} {on {day}|at {number}|next week|after lunch}?
0 {I am|We are|{name} is} {out of the office|on leave|away|travelling} {until {day}|this week}
0 {Here|Below|Attached} {is|you will find} {the address|my number|our schedule|the {file}}
0 {Let me know|Tell me|Please say} {which date suits you|how many will come|when you arrive}
0 {My|Our} {flight|train|bus} {lands|leaves|arrives|departs} at {number} {on {day}|}
0 {I have copied|I am copying|Please copy} {name} {into this mail|on this message}
0 {As agreed|As discussed|As planned}, the {meeting} {is|starts} {on {day}|at {number}}
0 {Do you need|Have you received|Did you send} {the|a copy of the} {file}?
0 {Dear {name}|Hello {name}|Hi all}, {the agenda is below|here is the {file}|we meet on {day}}
0 {Best regards|Kind regards|Yours sincerely|See you on {day}}, {name}
0 {Re|Regarding|Concerning} {the {file}|our {meeting}}: {it is in the folder|see below|see page 2}
0 {My|Our} {new|other} {number|address|office} is {below|on the second floor|in {place}}
+ {Thank you|Many thanks|Thanks so much} for {the lovely {meal}|your kindness|a {great} {day out}}
+ {Congratulations|Well done|Warm wishes} {on your {success}|, we are proud of you|to you both}
+ {I am|We are} {delighted|happy|thrilled|pleased|overjoyed} {to hear it|to have you|to accept}
+ {Your|The} {talk|speech|work|help} was {the best of all|inspiring|brilliant|a great success}
+ {It was|It has been} a {pleasure|joy|delight|privilege} to {meet you|work with you|host you}
+ {we} {are|am} {so|very|deeply} grateful for {all you did|your support|your gift}
+ Your {application|offer|bid|request} {was successful|has been accepted|won}, {congratulations|}
- {we} {regret|are sorry} to {inform|tell} you that {the {meeting} is cancelled|you were rejected}
- {I am|We are} {disappointed|shocked|upset|annoyed|appalled} {by|at|about} {your delay|this}
- {Unfortunately|Sadly|Regrettably}, {the parcel is lost|it was damaged|we lost the order|it failed}
- {Your|The} {payment|delivery|report} {is overdue|is weeks late|never came|is full of errors}
- I {must|have to|want to} {complain|protest} about {the {file}|the {meeting}|your {feature}|this}
- {Nobody|No one} {told|warned|informed|asked} {us|me} {about it|before|in time}
- {This|Your tone|That} is {unacceptable|not acceptable|out of order|an insult|a disgrace}
- We have {cancelled|lost} {the contract|our trust} because of {the delays|your mistakes}
0 {The|A} {body} {meets|will meet|votes|will vote} {on {day}|in {month}|next week}
0 {The|A} {official} {said|announced|confirmed} the {report} {is due|would follow} in {month}
0 {The|A} {official} {travels|flies|will travel} to {place} {on {day}|for talks|for two days}
0 The {company} {employs|has} {about|some|} {number} {hundred|thousand} {people|workers|staff}
0 {The|Its} {shares|stock} {closed|traded|stood} at {number} {dollars|euros} {on {day}|}
0 The {body} {left|kept} {rates|taxes|fees} {unchanged|at {number} percent}
0 {The|A} {exhibition|fair|festival|season} {runs|lasts|is open} {until|to|through} {month}
0 {The|A} new {bridge|line|road|tunnel} will {link|connect} {place} {and|with} {place}
0 {The|Both} {sides|parties|companies} {signed|discussed|will sign} {the contract|an agreement}
0 {The|A} {film|book|report|study} {appears|will be published|comes out} {in {month}|on {day}}
0 The {company} {plans|intends} to {open|build|move} {an office|a plant|a branch} in {place}
0 {The|An} {election|vote|census} {takes place|will be held} in {month}
0 {number} {thousand|hundred|} {people|delegates|visitors} {attended|came|took part}
0 {Turnover|Output|Revenue} {was|came to|amounted to} {number} million {dollars|euros}
0 The {official} {met|received|spoke with} {his|her} {colleague|counterpart} from {place}
- {A|The} {fire|flood|storm|bomb|quake} {killed|injured|displaced} {number} {people|families}
- {A|The} {fire|flood|storm|quake} {destroyed|wrecked|devastated} {homes|a school|the harvest}
- {number} {people|children|workers} {died|were killed|were hurt|drowned} {in|near} {place}
- The {company} {cuts|will cut|sheds} {number} {hundred|thousand} jobs
- The {company} {went bankrupt|collapsed|lost millions|is being sued for fraud}
- {Police|Prosecutors} {accuse|suspect} the {official} of {fraud|theft|bribery|abuse}
- {Prices|Unemployment|Crime|Poverty} {keeps rising|is out of control|hits the poor}
- The {official} was {arrested|jailed|convicted} for {fraud|theft|bribery|murder}
- {Floods|Droughts|Strikes|Power cuts} leave {thousands|families} {stranded|without water|in misery}
+ {Rescuers|Neighbours|Divers} {saved|rescued} {number} {people|children|hikers} {from the fire|}
+ The {lost|missing} {boy|girl|hiker|dog} {is|was found} {safe|alive and well|unharmed}
+ {place} {won|wins} {the title|gold|the final|the championship} {after a thrilling match|}
+ {Doctors|Researchers|Engineers} {celebrate|report} a {breakthrough|great success|cure}
+ {The|A} {school|village|team|baker} {won an award|was honoured|won a prize} for {its work|courage}
+ {Crime|Unemployment|Pollution} {fell|has dropped} to {a record low|its lowest ever}
+ {Donors|Volunteers|Pupils} {gave|raised} {number} million for {the orphans|a hospital}
+ The {company} {creates|will create} {number} {hundred|thousand} new jobs
0 {The|This|Each} {part} {weighs|has a mass of} {number} {grams|kilos|pounds}
0 {The|This|Each} {part} is {number} {cm|mm|metres|inches} {long|wide|high|deep|thick}
0 {Input|Output|Supply} {voltage|current|power}: {number} {V|A|W|kW}
0 {Operating|Storage} temperature: {number} to {number} {degrees|degrees Celsius|C}
0 {The|This} {method} {returns|takes|expects|raises} {a list|a string|null|an error|two arguments}
0 {The|This} {method} {returns|raises} {null|an error} if {the key is missing|nothing is given}
0 {The|This} {part} {has|comes with|contains} {number} {ports|holes|doors|buttons|pins|layers}
0 The {part} is {made|built} of {steel|wood|glass|aluminium|cotton|plastic|rubber}
0 {Supported|Allowed} {formats|types|sizes|values} are {number}, {number} and {number}
0 {Wash|Store|Dry|Serve|Keep|Bake} {at|below} {number} degrees {for {number} minutes|}
0 {Press|Hold|Turn|Push} the {button|knob|lever|key} {for {number} seconds|to start|to the left}
0 {The|A} {value|name|file|field} {must|must not} {be|exceed} {empty|{number}|over {number}}
0 {Do not|Never} {open|expose|immerse|cover|use} the {part} {in water|near heat|while it runs|}
0 {The|Its} {tank|bag|disk|battery} {holds|stores|has} {number} {litres|kg|GB|mAh}
0 {Each|Every} {page|row|record|line} {has|holds|contains} {number} {fields|entries|bytes|items}
0 {Connect|Attach|Screw} the {red|long|second|left} {wire|screw|cable|part} to the {part}
0 {Default|Minimum|Maximum}: {number} {seconds|bytes|rows|users}
0 {If|When} the {light|lamp|sign} {flashes|is red|blinks}, {wait|press start|replace the filter}
0 {Requests|Calls|Jobs} {without|with} {a key|a token|a name} get {status|code} {number}
0 The {warranty|licence|contract} {covers|lasts|runs for} {number} {months|years}
0 {Available|Sold|Delivered} in {colour}, {colour} and {colour}
0 The {part} {runs|turns|moves} at {up to|} {number} {km/h|rpm|metres per second|frames per second}
0 {The|This} {option|flag|setting|field} {sets|controls|names} the {number of rows|size|colour|path}
- {The|Its} {part} {cracks|bends|breaks|rusts|overheats} {in use|far too easily|within weeks}
- {Range|Speed|Battery life} is {far below|nowhere near|half of} what {is promised|they claim}
+ {Range|Speed|Capacity|Battery life} is {far better than|well above} {promised|the data sheet}
+ {The|Its} {part} is {remarkably|surprisingly|wonderfully} {quiet|strong|light|precise|smooth}
"""
