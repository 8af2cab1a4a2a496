"""Health: illnesses, diagnoses, disability, pregnancy, sick leave (GDPR Art. 4 (15), Art. 9)."""

STRONG = """
hiv阳性|hiv陽性|心脏搭桥|降压药|胰岛素|阿司匹林|阿莫西林|抗抑郁药|インスリン注射|降圧剤|
diagnosed with|chemotherapy|hiv positive|hiv-positive|breast cancer|lung cancer|prostate cancer|skin cancer|
cancer patient?|has cancer|leukemia|leukaemia|lymphoma|multiple sclerosis|parkinson's disease|alzheimer*|
type 1 diabetes|type 2 diabetes|diabetic|epilepsy|epileptic|schizophreni*|bipolar disorder|anorexia|bulimia|
miscarriage|abortion|is pregnant|she is pregnant|pregnancy test|antidepressant?|insulin dose|sick note|
medical certificate|on sick leave|sick leave|long-term sick|severely disabled|disability card|wheelchair user|
heart attack|myocardial infarction|hepatitis b|hepatitis c|tuberculosis|medical history|patient record?|
occupational disease|burnout syndrome|covid positive|tested positive for covid|panic attack?|post-traumatic stress|
asthma attack?|kidney failure|dialysis patient|cirrhosis|crohn's disease|hypertension|krebserkrank*|
an krebs erkrankt|brustkrebs|lungenkrebs|hautkrebs|darmkrebs|chemotherapie|leukämie|multiple sklerose|
parkinson-krankheit|diabetiker*|diabetes mellitus|epilepsie|epileptiker*|schizophren*|depression diagnostiziert|
magersucht|fehlgeburt|schwangerschaftsabbruch|schwanger|schwangerschaft*|krankgeschrieben*|krankschreibung*|
krankmeldung*|arbeitsunfähigkeitsbescheinigung*|au-bescheinigung*|schwerbehindert*|schwerbehinderung*|
schwerbehindertenausweis|grad der behinderung|herzinfarkt*|schlaganfall|bandscheibenvorfall*|hiv-infektion|
aids-kranke*|berufskrankheit*|burn-out-syndrom|burnout-syndrom|krankenakte*|patientenakte*|psychisch krank|
psychotherapie|betriebliches eingliederungsmanagement|bem-gespräch|diagnostiqué* avec|atteint* d'un cancer|
cancer du sein|cancer du poumon|chimiothérapie|leucémie|sclérose en plaques|maladie de parkinson|
maladie d'alzheimer|diabétique?|épilepsie|schizophrénie|fausse couche|est enceinte|arrêt maladie|
arrêt de travail pour maladie|congé maladie|certificat médical|travailleur handicapé|
reconnaissance de la qualité de travailleur handicapé|rqth|crise cardiaque|infarctus|séropositif|séropositive|
maladie professionnelle|dossier médical|tumore al seno|tumore maligno|chemioterapia|leucemia|sclerosi multipla|
morbo di parkinson|diabetico|diabetica|epilessia|schizofrenia|aborto|è incinta|in stato di gravidanza|gravidanza|
congedo per malattia|certificato medico|certificato di malattia|invalidità civile|invalido civile|infarto|
sieropositiv*|malattia professionale|cartella clinica|diagnosticad* con|diagnosticad* de|cáncer de mama|
cáncer de pulmón|quimioterapia|esclerosis múltiple|enfermedad de parkinson|diabétic*|epilepsia|esquizofrenia|
está embarazada|embarazada|baja médica|baja por enfermedad|certificado médico|certificado de discapacidad|
grado de discapacidad|infarto de miocardio|seropositiv*|enfermedad profesional|historia clínica|historial médico|
vih positivo|糖尿病|がん患者|癌患者|乳がん|肺がん|胃がん|大腸がん|白血病|統合失調症|うつ病|鬱病|双極性障害|てんかん|
心筋梗塞|脳梗塞|脳卒中|認知症|パーキンソン病|多発性硬化症|エイズ|hiv感染|妊娠中|妊娠して|流産|人工妊娠中絶|病気休暇|
傷病休職|休職診断書|障害者手帳|身体障害|精神疾患|持病|既往歴|罹患|病歴|健康診断結果|健康診断の結果|人工透析|
抗がん剤|適応障害|メンタル不調|癌症|乳腺癌|肺癌|肝癌|胃癌|精神分裂|抑郁症|躁郁症|双相情感障碍|癫痫|心肌梗死|
心肌梗塞|脑梗|中风|痴呆|帕金森|艾滋病|乙肝|丙肝|肺结核|怀孕|流产|堕胎|病假|病假条|诊断证明|残疾证|残疾人证|精神病|
病历|既往病史|病史|患有|化疗|高血压|冠心病|职业病|体检结果|过敏史|手术史|住院记录|用药记录|处方药|医師の診断書|
affett* da tumore|确诊为癌|确诊患
"""

WEAK = """
cancer|diabetes|tumour?|tumor?|surgery|hospital|hospitalised|hospitalized|illness|disease|disability|pregnant|
pregnancy|asthma|allerg*|medication|prescription|psychiatri*|psycholog*|therapist|burnout|physician|blood pressure|
vaccinat*|hiv|migraine|krebs|tumor|depression*|krankheit|erkrankung*|erkrankt|krankenhaus|klinik|arzt|ärztin|
hausarzt|behinderung|allergie*|medikament*|psychiat*|blutdruck|impfung|geimpft|krank|migräne|tumeur|dépression|
maladie|hôpital|hospitalis*|médecin|handicapé*|asthme|allergie?|médicament?|psychiatr*|opération chirurgicale|
tension artérielle|grossesse|vaccin*|tumore|depressione|malattia|malato|malata|ospedale|ricoverat*|medico|
disabil*|asma|allergi*|farmaco|farmaci|psichiatr*|psicolog*|intervento chirurgico|pressione sanguigna|incinta|
emicrania|diabete|cáncer|depresión|enfermedad|enferm*|hospital*|médico|discapacidad|discapacitad*|alergi*|
medicamento?|psiquiatr*|psicólog*|cirugía|presión arterial|embarazo|vacun*|migraña|病気|入院|手術|通院|治療中|服薬|
投薬|アレルギー|妊娠|障害者|癌|腫瘍|喘息|高血圧|医師|病院|ワクチン接種|後遺症|休職|生病|住院|手术|治疗|服药|过敏|
肿瘤|哮喘|医生|医院|疫苗|残疾|抑郁|血压|疾病|患者|孕妇|suffers from|suffering from|leidet an|souffre de|soffre di|
sufre de|padece|診断書|透析|确诊|depressive|psychisch
"""
